"""CloudWatch Logs: searching what containers write, against the service's model."""

import unittest

from lab_clients import lab_day, wait_until
from served_operations import ServedOperations


class Logs(ServedOperations):
    name = "logs"

    def test_every_operation(self):
        logs = self.clients["logs"]
        start, end = lab_day()
        query = {"logGroupNames": [f"/ecs/{self.name}"], "startTime": start, "endTime": end}
        counted = "filter @message like /./ | stats count(*) as lines by bin(60s)"
        started = logs.start_query(queryString=counted, limit=5, **query)["queryId"]
        found = {}

        def complete():
            found.update(logs.get_query_results(queryId=started))
            return found["status"] == "Complete"

        wait_until("the query's result", complete)
        self.assertEqual(found["results"], [], "the demo service writes nothing unless it is told to")

        self.refused("ResourceNotFoundException", logs.start_query,
                     **{**query, "logGroupNames": ["/ecs/nobody"]}, queryString=counted)
        self.refused("MalformedQueryException", logs.start_query, **query, queryString="filter @message like")
        self.refused("InvalidParameterException", logs.start_query,
                     **{**query, "startTime": end, "endTime": start}, queryString=counted)
        self.refused("InvalidParameterException", logs.start_query, **query, queryString=counted, limit=0)
        self.refused("ResourceNotFoundException", logs.get_query_results, queryId="nobody")
        self.every_answer_fits("logs")


if __name__ == "__main__":
    unittest.main()
