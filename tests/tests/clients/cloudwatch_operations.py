"""CloudWatch: every operation, good and bad, in each protocol, against the service's model."""

import json
import unittest

from lab_clients import CLOUDWATCH_PROTOCOLS, Clients, dimensions, lab_day
from served_operations import TAGS, ServedOperations


class CloudWatch(ServedOperations):
    name = "metrics"

    def test_every_operation(self):
        for protocol in CLOUDWATCH_PROTOCOLS:
            with self.subTest(protocol=protocol):
                self.clients = Clients(protocol)
                self.metrics(self.clients["cloudwatch"], f"Every/{protocol}")
                self.alarms(self.clients["cloudwatch"], f"every-{protocol}")
                self.dashboards(self.clients["cloudwatch"], f"every-{protocol}")
                self.every_answer_fits("cloudwatch")

    def metrics(self, cloudwatch, namespace):
        start, end = lab_day()
        red = [{"Name": "Colour", "Value": "red"}]
        cloudwatch.put_metric_data(Namespace=namespace, MetricData=[
            {"MetricName": "Latency", "Dimensions": red, "Values": [0.5, 2], "Counts": [3, 1], "Unit": "Seconds"},
            {"MetricName": "Set", "StatisticValues": {"SampleCount": 2, "Sum": 3, "Minimum": 1, "Maximum": 2}},
            {"MetricName": "Latency", "Dimensions": red, "Value": 1, "StorageResolution": 1},
        ])
        listed = cloudwatch.list_metrics(Namespace=namespace, MetricName="Latency", Dimensions=[{"Name": "Colour"}])
        self.assertEqual([it["Dimensions"] for it in listed["Metrics"]], [red])
        metric = {"Namespace": namespace, "MetricName": "Latency", "Dimensions": red}
        stat = lambda name: {"Metric": metric, "Period": 60, "Stat": name}
        queries = [
            {"Id": "n", "MetricStat": stat("SampleCount"), "Label": "how many"},
            {"Id": "p", "MetricStat": stat("p99")},
            {"Id": "slow", "MetricStat": stat("TC(0.75:)")},
            {"Id": "share", "Expression": "FILL(slow, 0) / n"},
            {"Id": "absent", "MetricStat": {**stat("Sum"), "Metric": {**metric, "MetricName": "Nothing"}}},
        ]
        window = {"StartTime": start, "EndTime": end}
        answer = cloudwatch.get_metric_data(MetricDataQueries=queries, ScanBy="TimestampAscending", **window)
        values = {it["Id"]: it["Values"] for it in answer["MetricDataResults"]}
        self.assertEqual((sum(values["n"]), sum(values["slow"]), values["absent"]), (5, 2, []))
        ask = {"MetricDataQueries": queries, **window}
        paged = cloudwatch.get_metric_data(MaxDatapoints=1, **ask)
        cloudwatch.get_metric_data(NextToken=paged["NextToken"], **ask)
        # A lab day has as many minutes as an answer may have data points, or fewer.
        range_ = {**metric, **window, "Period": 60}
        cloudwatch.get_metric_statistics(Statistics=["Sum", "Maximum", "SampleCount"], **range_)
        cloudwatch.get_metric_statistics(ExtendedStatistics=["p50", "p99"], **range_)
        datum = {"MetricName": "Latency", "Value": 1}
        for code, call, parameters in [
            ("InvalidParameterValue", cloudwatch.put_metric_data, {"Namespace": "AWS/ECS", "MetricData": [datum]}),
            ("InvalidParameterCombination", cloudwatch.put_metric_data, {
                "Namespace": namespace, "MetricData": [{**datum, "Values": [1]}]}),
            ("InvalidParameterValue", cloudwatch.put_metric_data, {
                "Namespace": namespace, "MetricData": [{**datum, "Timestamp": 1_000_000_000}]}),
            ("ValidationError", cloudwatch.get_metric_data, {**ask, "StartTime": end, "EndTime": start}),
            ("ValidationError", cloudwatch.get_metric_data, {**ask, "ScanBy": "Colour"}),
            ("ValidationError", cloudwatch.get_metric_data, {
                **ask, "MetricDataQueries": [{"Id": "e", "Expression": "nobody / 2"}]}),
            ("InvalidNextToken", cloudwatch.get_metric_data, {**ask, "NextToken": "?"}),
            ("InvalidParameterCombination", cloudwatch.get_metric_statistics, {
                "Statistics": ["Sum"], **range_, "StartTime": 0}),
            ("InvalidParameterValue", cloudwatch.get_metric_statistics, {"Statistics": ["Most"], **range_}),
            ("InvalidParameterValue", cloudwatch.list_metrics, {"NextToken": "?"}),
        ]:
            self.refused(code, call, **parameters)

    def alarms(self, cloudwatch, name):
        ask = {"Statistic": "Sum", "Period": 60, "Namespace": "AWS/ApplicationELB", "MetricName": "RequestCount",
               "Dimensions": dimensions(self.stage)}
        compare = {"EvaluationPeriods": 3, "Threshold": 1.5, "ComparisonOperator": "GreaterThanThreshold"}
        queries = [
            {"Id": "m", "ReturnData": False, "MetricStat": {
                "Metric": {"Namespace": "N", "MetricName": "M", "Dimensions": []}, "Period": 60, "Stat": "p99"}},
            {"Id": "e", "Expression": "m * 2", "Label": "twice"},
        ]
        cloudwatch.put_metric_alarm(
            AlarmName=f"{name}-metric", AlarmDescription="d", DatapointsToAlarm=2, TreatMissingData="notBreaching",
            AlarmActions=["arn:aws:sns:us-east-1:000000000000:topic"], Tags=TAGS, Unit="Count", **ask, **compare)
        cloudwatch.put_metric_alarm(AlarmName=f"{name}-math", Metrics=queries, **compare)
        either = f"ALARM({name}-metric) OR ALARM({name}-math)"
        cloudwatch.put_composite_alarm(AlarmName=f"{name}-both", AlarmRule=either)
        names = [f"{name}-{kind}" for kind in ("metric", "math", "both")]
        kinds = ["MetricAlarm", "CompositeAlarm"]
        cloudwatch.set_alarm_state(
            AlarmName=names[0], StateValue="ALARM", StateReason="a test", StateReasonData=json.dumps({"a": 1}))
        described = cloudwatch.describe_alarms(AlarmNames=names, AlarmTypes=kinds)
        self.assertEqual((len(described["MetricAlarms"]), len(described["CompositeAlarms"])), (2, 1))
        cloudwatch.describe_alarms(AlarmNamePrefix=name, MaxRecords=1)
        for alarm in names:
            cloudwatch.describe_alarm_history(AlarmName=alarm, AlarmTypes=kinds)
        history = cloudwatch.describe_alarm_history(AlarmName=names[0], HistoryItemType="StateUpdate")
        self.assertIn("ALARM", json.dumps([it["HistoryData"] for it in history["AlarmHistoryItems"]]))
        cloudwatch.disable_alarm_actions(AlarmNames=names)
        cloudwatch.enable_alarm_actions(AlarmNames=names)
        arn = described["MetricAlarms"][0]["AlarmArn"]
        cloudwatch.tag_resource(ResourceARN=arn, Tags=[{"Key": "more", "Value": ""}])
        cloudwatch.untag_resource(ResourceARN=arn, TagKeys=["more"])
        cloudwatch.list_tags_for_resource(ResourceARN=arn)
        unknown = {"ResourceARN": f"{arn}?"}
        for code, call, parameters in [
            ("ResourceNotFound", cloudwatch.set_alarm_state, {
                "AlarmName": "?", "StateValue": "OK", "StateReason": "r"}),
            ("InvalidFormat", cloudwatch.set_alarm_state, {
                "AlarmName": names[0], "StateValue": "OK", "StateReason": "r", "StateReasonData": "{"}),
            ("ResourceNotFound", cloudwatch.delete_alarms, {"AlarmNames": ["?", names[0]]}),
            ("ResourceNotFoundException", cloudwatch.tag_resource, {**unknown, "Tags": TAGS}),
            ("ResourceNotFoundException", cloudwatch.untag_resource, {**unknown, "TagKeys": ["more"]}),
            ("ResourceNotFoundException", cloudwatch.list_tags_for_resource, unknown),
            ("InvalidNextToken", cloudwatch.describe_alarms, {"NextToken": "?"}),
            ("InvalidNextToken", cloudwatch.describe_alarm_history, {"NextToken": "?"}),
            ("ValidationError", cloudwatch.describe_alarms, {"MaxRecords": 101}),
            ("ValidationError", cloudwatch.put_metric_alarm, {"AlarmName": "bad", **ask, **compare, "Period": 61}),
            ("ValidationError", cloudwatch.put_composite_alarm, {"AlarmName": "bad", "AlarmRule": "ALARM("}),
        ]:
            self.refused(code, call, **parameters)
        cloudwatch.delete_alarms(AlarmNames=[names[2]])
        cloudwatch.delete_alarms(AlarmNames=names[:2])

    def dashboards(self, cloudwatch, name):
        cloudwatch.put_dashboard(DashboardName=name, DashboardBody='{"widgets": []}')
        cloudwatch.get_dashboard(DashboardName=name)
        self.refused("ResourceNotFound", cloudwatch.get_dashboard, DashboardName="nobody-s")
        self.refused("InvalidParameterInput", cloudwatch.put_dashboard, DashboardName=name, DashboardBody="{")


if __name__ == "__main__":
    unittest.main()
