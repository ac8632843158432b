"""The AWS CLI as a client: its own copy of botocore, its own ways of writing parameters, its waiters."""

import json
import pathlib
import subprocess
import sys
import unittest

from lab_clients import Clients, dimensions, environment, lab_day, load_balanced_service, scalable

AWS = pathlib.Path(sys.executable).with_name("aws")


def aws(*arguments):
    """Runs a command; gives its exit status, its output and what it says of errors."""
    ended = subprocess.run([AWS, *arguments, "--output", "json"], capture_output=True, text=True, timeout=60)
    return ended.returncode, json.loads(ended.stdout or "{}"), ended.stderr


class AwsCli(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.stage = load_balanced_service(Clients(), "cli")

    def answer(self, *arguments):
        status, answer, errors = aws(*arguments)
        self.assertEqual(status, 0, errors)
        return answer

    def modify_listener(self, blue, green):
        weights = [(self.stage.blue, blue), (self.stage.green, green)]
        groups = ",".join(f"{{TargetGroupArn={arn},Weight={weight}}}" for arn, weight in weights)
        return aws("elbv2", "modify-listener", "--listener-arn", self.stage.listener, "--default-actions",
                   f"Type=forward,ForwardConfig={{TargetGroups=[{groups}]}}")

    def test_load_balancing(self):
        stage = self.stage
        balancers = self.answer("elbv2", "describe-load-balancers", "--names", "cli")["LoadBalancers"]
        self.assertEqual(balancers[0]["DNSName"], stage.address)
        self.answer("elbv2", "wait", "target-in-service", "--target-group-arn", stage.blue)
        status, answer, _ = self.modify_listener(90, 10)
        groups = answer["Listeners"][0]["DefaultActions"][0]["ForwardConfig"]["TargetGroups"]
        self.assertEqual((status, [it["Weight"] for it in groups]), (0, [90, 10]))
        status, _, errors = self.modify_listener(1000, 0)
        self.assertEqual(status, 255)
        self.assertIn("An error occurred (ValidationError) when calling the ModifyListener operation", errors)
        self.modify_listener(100, 0)
        listeners = self.answer("elbv2", "describe-listeners", "--load-balancer-arn", stage.balancer)["Listeners"]
        groups = listeners[0]["DefaultActions"][0]["ForwardConfig"]["TargetGroups"]
        self.assertEqual([it["Weight"] for it in groups], [100, 0])

    def test_containers_and_scaling(self):
        self.answer("ecs", "wait", "services-stable", "--cluster", "cli", "--services", "cli")
        services = self.answer("ecs", "describe-services", "--cluster", "cli", "--services", "cli")["services"]
        self.assertEqual((services[0]["runningCount"], services[0]["status"]), (2, "ACTIVE"))
        resource = scalable("cli")["ResourceId"]
        targets = self.answer("application-autoscaling", "describe-scalable-targets", "--service-namespace", "ecs",
                              "--resource-ids", resource)["ScalableTargets"]
        self.assertEqual([it["ResourceId"] for it in targets], [resource])

    def test_metrics_and_alarms(self):
        balancer = dimensions(self.stage)[0]
        start, end = map(str, lab_day())
        query = {"Id": "requests", "MetricStat": {
            "Metric": {"Namespace": "AWS/ApplicationELB", "MetricName": "RequestCount", "Dimensions": [balancer]},
            "Period": 60, "Stat": "Sum"}}
        answer = self.answer("cloudwatch", "get-metric-data", "--start-time", start, "--end-time", end,
                             "--metric-data-queries", json.dumps([query]))
        self.assertEqual(answer["MetricDataResults"][0]["StatusCode"], "Complete")
        self.answer("cloudwatch", "put-metric-alarm", "--alarm-name", "cli", "--namespace", "AWS/ApplicationELB",
                    "--metric-name", "RequestCount", "--statistic", "Sum", "--period", "60",
                    "--evaluation-periods", "1", "--threshold", "1", "--comparison-operator", "GreaterThanThreshold",
                    "--dimensions", f"Name=LoadBalancer,Value={balancer['Value']}")
        alarms = self.answer("cloudwatch", "describe-alarms", "--alarm-names", "cli")["MetricAlarms"]
        self.assertEqual(alarms[0]["Dimensions"], [balancer])

    def test_executions(self):
        machine = environment("TEAL_STATE_MACHINE")
        execution = self.answer("stepfunctions", "start-execution", "--state-machine-arn", machine, "--input", "{}")
        history = self.answer("stepfunctions", "get-execution-history", "--execution-arn", execution["executionArn"])
        self.assertEqual(history["events"][0]["type"], "ExecutionStarted")


if __name__ == "__main__":
    unittest.main()
