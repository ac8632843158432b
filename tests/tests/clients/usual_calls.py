"""The calls that people make first, with boto3: what AWS answers to good ones and to bad ones."""

import json
import unittest
import uuid

import boto3
from botocore.exceptions import ClientError

from lab_clients import CONFIG, Clients, dimensions, environment, forward, get, lab_day, load_balanced_service
from lab_clients import target_group, wait_until

REQUESTS = 25


def boto(service):
    return boto3.client(service, config=CONFIG)


class UsualCalls(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.stage = load_balanced_service(Clients(), "usual")
        cls.elb, cls.cloudwatch, cls.states = boto("elbv2"), boto("cloudwatch"), boto("stepfunctions")

    def refused(self, code, call, **parameters):
        """Asserts that a call is refused with this code, and gives the message."""
        with self.assertRaises(ClientError) as caught:
            call(**parameters)
        answer = caught.exception.response
        self.assertEqual((answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]), (code, 400))
        return answer["Error"]["Message"]

    def weights(self):
        listener = self.elb.describe_listeners(ListenerArns=[self.stage.listener])["Listeners"][0]
        groups = listener["DefaultActions"][0]["ForwardConfig"]["TargetGroups"]
        return {it["TargetGroupArn"]: it["Weight"] for it in groups}

    def test_describe_load_balancers(self):
        by_name = self.elb.describe_load_balancers(Names=["usual"])["LoadBalancers"]
        by_arn = self.elb.describe_load_balancers(LoadBalancerArns=[self.stage.balancer])["LoadBalancers"]
        pages = self.elb.get_paginator("describe_load_balancers").paginate(PaginationConfig={"PageSize": 1})
        everything = [it["LoadBalancerArn"] for page in pages for it in page["LoadBalancers"]]
        self.assertEqual(by_name, by_arn)
        self.assertEqual((by_name[0]["State"], by_name[0]["Type"]), ({"Code": "active"}, "application"))
        self.assertIn(self.stage.balancer, everything)

    def test_describe_listeners(self):
        listener = self.elb.describe_listeners(LoadBalancerArn=self.stage.balancer)["Listeners"][0]
        self.assertEqual((listener["ListenerArn"], listener["Protocol"]), (self.stage.listener, "HTTP"))
        self.assertEqual(set(self.weights()), {self.stage.blue, self.stage.green})

    def test_modify_listener(self):
        blue, green, modify = self.stage.blue, self.stage.green, self.elb.modify_listener
        modify(ListenerArn=self.stage.listener, DefaultActions=[forward((blue, 95), (green, 5))])
        self.assertEqual(self.weights(), {blue: 95, green: 5})
        for weights in [(1000, 0), (100, -1), (100, None), (None, None)]:
            with self.subTest(weights=weights):
                actions = [forward(*zip((blue, green), weights))]
                message = self.refused(
                    "ValidationError", modify, ListenerArn=self.stage.listener, DefaultActions=actions
                )
                self.assertIn("between 0 and 999", message)
                self.assertEqual(self.weights(), {blue: 95, green: 5})
        modify(ListenerArn=self.stage.listener, DefaultActions=[forward((blue, 100), (green, 0))])
        self.assertEqual(self.weights(), {blue: 100, green: 0})

    def test_six_target_groups(self):
        groups = [target_group(self.elb, f"usual-{number}") for number in range(6)]
        actions = lambda count: [forward(*((arn, 1) for arn in groups[:count]))]
        before = self.weights()
        rule = self.elb.create_rule(
            ListenerArn=self.stage.listener, Priority=10, Actions=actions(5),
            Conditions=[{"Field": "path-pattern", "Values": ["/six/*"]}],
        )["Rules"][0]["RuleArn"]
        self.refused("ValidationError", self.elb.modify_rule, RuleArn=rule, Actions=actions(6))
        self.refused(
            "ValidationError", self.elb.modify_listener, ListenerArn=self.stage.listener, DefaultActions=actions(6)
        )
        self.assertEqual(self.weights(), before)

    def test_unknown_arns(self):
        unknown = lambda arn: arn[:-16] + "0" * 16
        elb, balancer = self.elb, unknown(self.stage.balancer)
        listener, group = unknown(self.stage.listener), unknown(self.stage.blue)
        self.refused("LoadBalancerNotFound", elb.describe_load_balancers, LoadBalancerArns=[balancer])
        self.refused("LoadBalancerNotFound", elb.describe_load_balancers, Names=["nowhere"])
        self.refused("ListenerNotFound", elb.describe_listeners, ListenerArns=[listener])
        self.refused("ListenerNotFound", elb.modify_listener, ListenerArn=listener)
        self.refused("TargetGroupNotFound", elb.describe_target_groups, TargetGroupArns=[group])
        self.refused("TargetGroupNotFound", elb.describe_target_health, TargetGroupArn=group)
        self.refused(
            "TargetGroupNotFound", elb.modify_listener, ListenerArn=self.stage.listener,
            DefaultActions=[forward((self.stage.blue, 1), (group, 1))],
        )
        self.refused("ValidationError", elb.describe_listeners, ListenerArns=["arn:aws:iam::000000000000:root"])

    def test_metrics_and_alarms_tell_of_the_requests_sent(self):
        blue = dimensions(self.stage, self.stage.blue)
        self.cloudwatch.put_metric_alarm(
            AlarmName="usual-requests", Namespace="AWS/ApplicationELB", MetricName="RequestCount", Dimensions=blue,
            Statistic="Sum", Period=60, EvaluationPeriods=1, Threshold=1, TreatMissingData="ignore",
            ComparisonOperator="GreaterThanOrEqualToThreshold",
        )
        for _ in range(REQUESTS):
            self.assertEqual(get(self.stage.url)[0], 200)
        metric = lambda name: {
            "Metric": {"Namespace": "AWS/ApplicationELB", "MetricName": name, "Dimensions": blue}, "Period": 60,
            "Stat": "Sum",
        }
        queries = [
            {"Id": "requests", "MetricStat": metric("RequestCount")},
            {"Id": "good", "MetricStat": metric("HTTPCode_Target_2XX_Count"), "ReturnData": False},
            {"Id": "bad", "Expression": "requests - good"},
        ]
        start, end = lab_day()

        def sums():
            answer = self.cloudwatch.get_metric_data(MetricDataQueries=queries, StartTime=start, EndTime=end)
            found = {it["Id"]: sum(it["Values"]) for it in answer["MetricDataResults"]}
            return found if found["requests"] >= REQUESTS else None

        self.assertEqual(wait_until("the requests' metrics", sums), {"requests": REQUESTS, "bad": 0})

        def alarm():
            found = self.cloudwatch.describe_alarms(AlarmNames=["usual-requests"])["MetricAlarms"][0]
            return found if found["StateValue"] == "ALARM" else None

        self.assertIn("Threshold Crossed", wait_until("the alarm", alarm)["StateReason"])
        firing = self.cloudwatch.describe_alarms(StateValue="ALARM")["MetricAlarms"]
        self.assertIn("usual-requests", [it["AlarmName"] for it in firing])
        self.assertEqual(self.cloudwatch.describe_alarms(AlarmNames=["nobody's"])["MetricAlarms"], [])

    def test_an_execution_and_its_history(self):
        name = f"usual-{uuid.uuid4()}"
        execution = self.states.start_execution(
            stateMachineArn=environment("TEAL_STATE_MACHINE"), name=name, input=json.dumps({"dedline": "4h"})
        )["executionArn"]

        def ended():
            found = self.states.describe_execution(executionArn=execution)
            return found if found["status"] != "RUNNING" else None

        found = wait_until("the execution's end", ended)
        self.assertEqual((found["status"], found["error"]), ("FAILED", "Teal.PlanInvalid"))
        pages = self.states.get_paginator("get_execution_history").paginate(executionArn=execution)
        events = [event for page in pages for event in page["events"]]
        entered = [it["stateEnteredEventDetails"]["name"] for it in events if "stateEnteredEventDetails" in it]
        self.assertEqual(entered, ["Accept", "Refused"])
        self.assertEqual((events[0]["type"], events[-1]["type"]), ("ExecutionStarted", "ExecutionFailed"))
        self.assertIn("dedline", events[-1]["executionFailedEventDetails"]["cause"])
        self.refused("ExecutionDoesNotExist", self.states.describe_execution, executionArn=f"{execution}x")


if __name__ == "__main__":
    unittest.main()
