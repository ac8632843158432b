"""Calls every operation that the lab's gateway answers itself, and checks each answer as it came over the wire against
the service's model: of the operation's success, and of what it refuses.

What is served is found out by asking: every operation of the model is called without parameters. So one that is served
but not called here, or not listed in docs/lab.md, is a failure, too.
"""

import json
import pathlib
import re
import unittest

import botocore
from botocore.exceptions import ClientError

from lab_clients import CLOUDWATCH_PROTOCOLS, SUBNETS, VPC, Clients, dimensions, forward, free_port, lab_day
from lab_clients import load_balanced_service, scalable, target_group, wait_until

DOCUMENT = pathlib.Path(__file__).parents[3] / "docs/lab.md"
NOT_SERVED = ("InvalidAction", "UnknownOperationException")
ZEROS = "0" * 16
TAGS = [{"Key": "team", "Value": "shop"}]
LOWER_TAGS = [{"key": "team", "value": "shop"}]


class EveryOperation(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.clients = Clients()
        cls.stage = load_balanced_service(cls.clients, "every")

    def refused(self, code, call, **parameters):
        with self.assertRaises(ClientError, msg=f"{call} with {parameters}") as caught:
            call(**parameters)
        self.assertEqual(caught.exception.response["Error"]["Code"], code, caught.exception)

    def served(self, service):
        """The operations of a service's model that the lab does not say it does not have."""
        client = self.clients[service]
        served = set()
        for operation in client.meta.service_model.operation_names:
            try:
                getattr(client, botocore.xform_name(operation))()
                served.add(operation)
            except ClientError as refusal:
                if refusal.response["Error"]["Code"] not in NOT_SERVED:
                    served.add(operation)
        return served

    def every_answer_fits(self, service):
        called = {operation for of, operation in self.clients.answered if of == service}
        served = self.served(service)
        findings = self.clients.report(service)
        self.assertFalse(findings, f"what the model says otherwise:\n{findings}")
        self.assertEqual(served, called, "operations that are served, and those that answered here")
        self.assertEqual(sorted(served), documented(service), f"what {DOCUMENT.name} lists of {service}")

    def test_elastic_load_balancing(self):
        elb = self.clients["elbv2"]
        balancer = elb.create_load_balancer(
            Name="every-elb", Subnets=SUBNETS, SecurityGroups=["sg-1ab00001"], Scheme="internal", Tags=TAGS
        )["LoadBalancers"][0]
        arn, address = balancer["LoadBalancerArn"], balancer["DNSName"]
        one, two = (target_group(elb, f"every-elb-{number}", Tags=TAGS) for number in "12")
        listener = elb.create_listener(
            LoadBalancerArn=arn, Protocol="HTTP", Port=free_port(address), Tags=TAGS,
            DefaultActions=[forward((one, 1), (two, 0))],
        )["Listeners"][0]["ListenerArn"]
        rule = self.rules(elb, listener, one)
        self.listeners_with_log_in(elb, arn, address, one)
        for attributes, parameters in [
            ("load_balancer", {"LoadBalancerArn": arn}), ("target_group", {"TargetGroupArn": one}),
        ]:
            getattr(elb, f"describe_{attributes}_attributes")(**parameters)
            key = {"load_balancer": "idle_timeout", "target_group": "deregistration_delay"}[attributes]
            modify = getattr(elb, f"modify_{attributes}_attributes")
            modify(**parameters, Attributes=[{"Key": f"{key}.timeout_seconds", "Value": "30"}])
            self.refused("ValidationError", modify, **parameters, Attributes=[{"Key": "colour", "Value": "red"}])
        elb.modify_target_group(TargetGroupArn=one, HealthCheckPath="/alive", Matcher={"HttpCode": "200-204"})
        self.targets(elb, one, address)
        for kind, parameters in [
            ("load_balancers", {}), ("target_groups", {}), ("listeners", {"LoadBalancerArn": arn}),
            ("rules", {"ListenerArn": listener}),
        ]:
            answer = getattr(elb, f"describe_{kind}")(**parameters, PageSize=1)
            self.assertIn("NextMarker", answer, kind)
            getattr(elb, f"describe_{kind}")(**parameters, Marker=answer["NextMarker"])
        elb.describe_account_limits()
        everything = [arn, one, listener, rule]
        elb.add_tags(ResourceArns=everything, Tags=[{"Key": "more", "Value": ""}])
        tags = elb.describe_tags(ResourceArns=everything)["TagDescriptions"]
        self.assertEqual([len(it["Tags"]) for it in tags], [2, 2, 2, 1])
        elb.remove_tags(ResourceArns=everything, TagKeys=["more"])
        self.load_balancing_refusals(elb, arn, listener, one)
        elb.delete_rule(RuleArn=rule)
        elb.delete_listener(ListenerArn=listener)
        elb.delete_load_balancer(LoadBalancerArn=arn)
        elb.delete_target_group(TargetGroupArn=one)
        self.every_answer_fits("elbv2")

    def rules(self, elb, listener, group):
        conditions = [
            {"Field": "path-pattern", "PathPatternConfig": {"Values": ["/a/*"]}},
            {"Field": "host-header", "HostHeaderConfig": {"Values": ["shop.example"]}},
            {"Field": "http-header", "HttpHeaderConfig": {"HttpHeaderName": "X-Test", "Values": ["1"]}},
            {"Field": "query-string", "QueryStringConfig": {"Values": [{"Key": "a", "Value": "b"}]}},
            {"Field": "http-request-method", "HttpRequestMethodConfig": {"Values": ["GET"]}},
        ]
        sticky = forward((group, 1))
        sticky["ForwardConfig"]["TargetGroupStickinessConfig"] = {"Enabled": True, "DurationSeconds": 60}
        fixed = {"Type": "fixed-response", "FixedResponseConfig": {
            "StatusCode": "503", "ContentType": "text/plain", "MessageBody": "<closed> & \"locked\""}}
        redirect = {"Type": "redirect", "RedirectConfig": {"StatusCode": "HTTP_301", "Host": "other.example"}}
        rules = [
            elb.create_rule(ListenerArn=listener, Priority=priority, Conditions=conditions, Actions=[action])
            for priority, action in enumerate([sticky, fixed, redirect], start=1)
        ]
        first = rules[0]["Rules"][0]["RuleArn"]
        elb.modify_rule(RuleArn=first, Actions=[{"Type": "forward", "TargetGroupArn": group}])
        elb.set_rule_priorities(RulePriorities=[{"RuleArn": first, "Priority": 9}])
        for code, call, parameters in [
            ("PriorityInUse", elb.create_rule, {
                "ListenerArn": listener, "Priority": 9, "Conditions": conditions[:1], "Actions": [fixed]}),
            ("RuleNotFound", elb.describe_rules, {"RuleArns": [first[:-16] + ZEROS]}),
            ("RuleNotFound", elb.modify_rule, {"RuleArn": first[:-16] + ZEROS}),
            ("RuleNotFound", elb.delete_rule, {"RuleArn": first[:-16] + ZEROS}),
            ("RuleNotFound", elb.set_rule_priorities, {
                "RulePriorities": [{"RuleArn": first[:-16] + ZEROS, "Priority": 9}]}),
        ]:
            self.refused(code, call, **parameters)
        return first

    def listeners_with_log_in(self, elb, balancer, address, group):
        oidc = {"Type": "authenticate-oidc", "Order": 1, "AuthenticateOidcConfig": {
            "Issuer": "https://id.example", "AuthorizationEndpoint": "https://id.example/a", "ClientId": "teal",
            "TokenEndpoint": "https://id.example/t", "UserInfoEndpoint": "https://id.example/u", "ClientSecret": "s",
            "AuthenticationRequestExtraParams": {"prompt": "login"}}}
        cognito = {"Type": "authenticate-cognito", "Order": 1, "AuthenticateCognitoConfig": {
            "UserPoolArn": "arn:aws:cognito-idp:us-east-1:000000000000:userpool/p", "UserPoolClientId": "c",
            "UserPoolDomain": "d"}}
        serve = {**forward((group, 1)), "Order": 2}
        certificate = "arn:aws:acm:us-east-1:000000000000:certificate/00000000-0000-0000-0000-000000000000"
        created = elb.create_listener(
            LoadBalancerArn=balancer, Protocol="HTTPS", Port=free_port(address), DefaultActions=[oidc, serve],
            Certificates=[{"CertificateArn": certificate}],
        )
        arn = created["Listeners"][0]["ListenerArn"]
        elb.modify_listener(ListenerArn=arn, DefaultActions=[cognito, serve])
        self.refused("InvalidLoadBalancerAction", elb.modify_listener, ListenerArn=arn, DefaultActions=[oidc])

    def targets(self, elb, group, address):
        target = {"Id": address, "Port": free_port(address)}
        elb.register_targets(TargetGroupArn=group, Targets=[target])
        elb.describe_target_health(TargetGroupArn=group, Targets=[{"Id": "127.0.0.1", "Port": 9}])

        def unhealthy():
            [described] = elb.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
            return described["TargetHealth"]["State"] == "unhealthy"

        wait_until("a target that nobody listens on is unhealthy", unhealthy)
        self.refused("InvalidTarget", elb.register_targets, TargetGroupArn=group, Targets=[{"Id": "10.0.0.1"}])
        elb.deregister_targets(TargetGroupArn=group, Targets=[target])
        elb.describe_target_health(TargetGroupArn=group)

    def load_balancing_refusals(self, elb, balancer, listener, group):
        gone = {"load balancer": balancer[:-16] + ZEROS, "listener": listener[:-16] + ZEROS, "group": group[:-16] + ZEROS}
        default = elb.describe_rules(ListenerArn=listener)["Rules"][-1]["RuleArn"]
        port = elb.describe_listeners(ListenerArns=[listener])["Listeners"][0]["Port"]
        fixed = [{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}]
        new = {"LoadBalancerArn": balancer, "Protocol": "HTTP", "Port": port, "DefaultActions": fixed}
        key = {"TagKeys": ["more"]}
        for code, call, parameters in [
            ("DuplicateLoadBalancerName", elb.create_load_balancer, {"Name": "every-elb", "Subnets": SUBNETS}),
            ("DuplicateTargetGroupName", elb.create_target_group, {
                "Name": "every-elb-1", "Protocol": "HTTP", "Port": 1, "VpcId": VPC}),
            ("DuplicateListener", elb.create_listener, new),
            ("UnsupportedProtocol", elb.create_listener, {**new, "Protocol": "SMTP"}),
            ("CertificateNotFound", elb.create_listener, {**new, "Port": port + 1, "Protocol": "HTTPS"}),
            ("LoadBalancerNotFound", elb.create_listener, {**new, "LoadBalancerArn": gone["load balancer"]}),
            ("TargetGroupAssociationLimit", elb.modify_listener, {
                "ListenerArn": listener, "DefaultActions": [forward((self.stage.blue, 1))]}),
            ("TargetGroupNotFound", elb.modify_listener, {
                "ListenerArn": listener, "DefaultActions": [forward((gone["group"], 1))]}),
            ("ListenerNotFound", elb.delete_listener, {"ListenerArn": gone["listener"]}),
            ("ListenerNotFound", elb.describe_rules, {"ListenerArn": gone["listener"]}),
            ("ListenerNotFound", elb.create_rule, {
                "ListenerArn": gone["listener"], "Priority": 1, "Actions": fixed,
                "Conditions": [{"Field": "path-pattern", "Values": ["/"]}]}),
            ("LoadBalancerNotFound", elb.describe_listeners, {"LoadBalancerArn": gone["load balancer"]}),
            ("LoadBalancerNotFound", elb.describe_load_balancer_attributes, {"LoadBalancerArn": gone["load balancer"]}),
            ("LoadBalancerNotFound", elb.modify_load_balancer_attributes, {
                "LoadBalancerArn": gone["load balancer"],
                "Attributes": [{"Key": "idle_timeout.timeout_seconds", "Value": "30"}]}),
            ("TargetGroupNotFound", elb.describe_target_group_attributes, {"TargetGroupArn": gone["group"]}),
            ("TargetGroupNotFound", elb.modify_target_group, {"TargetGroupArn": gone["group"]}),
            ("TargetGroupNotFound", elb.register_targets, {"TargetGroupArn": gone["group"], "Targets": [{"Id": "127.0.0.1"}]}),
            ("TargetGroupNotFound", elb.deregister_targets, {"TargetGroupArn": gone["group"], "Targets": [{"Id": "127.0.0.1"}]}),
            ("TargetGroupNotFound", elb.describe_target_health, {"TargetGroupArn": gone["group"]}),
            ("ResourceInUse", elb.delete_target_group, {"TargetGroupArn": group}),
            ("OperationNotPermitted", elb.modify_rule, {"RuleArn": default}),
            ("OperationNotPermitted", elb.delete_rule, {"RuleArn": default}),
            ("TargetGroupNotFound", elb.describe_tags, {"ResourceArns": [gone["group"]]}),
            ("ListenerNotFound", elb.add_tags, {"ResourceArns": [gone["listener"]], "Tags": TAGS}),
            ("LoadBalancerNotFound", elb.remove_tags, {"ResourceArns": [gone["load balancer"]], **key}),
            ("DuplicateTagKeys", elb.add_tags, {"ResourceArns": [group], "Tags": TAGS * 2}),
            ("ValidationError", elb.describe_load_balancers, {"PageSize": 0}),
        ]:
            self.refused(code, call, **parameters)
        elb.modify_load_balancer_attributes(
            LoadBalancerArn=balancer, Attributes=[{"Key": "deletion_protection.enabled", "Value": "true"}])
        self.refused("OperationNotPermitted", elb.delete_load_balancer, LoadBalancerArn=balancer)
        elb.modify_load_balancer_attributes(
            LoadBalancerArn=balancer, Attributes=[{"Key": "deletion_protection.enabled", "Value": "false"}])

    def test_cloudwatch(self):
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
        paged = cloudwatch.get_metric_data(MetricDataQueries=queries, MaxDatapoints=1, **window)
        cloudwatch.get_metric_data(MetricDataQueries=queries, NextToken=paged["NextToken"], **window)
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
            ("ValidationError", cloudwatch.get_metric_data, {"MetricDataQueries": queries, "StartTime": end, "EndTime": start}),
            ("ValidationError", cloudwatch.get_metric_data, {"MetricDataQueries": queries, "ScanBy": "Colour", **window}),
            ("ValidationError", cloudwatch.get_metric_data, {
                "MetricDataQueries": [{"Id": "e", "Expression": "nobody / 2"}], **window}),
            ("InvalidNextToken", cloudwatch.get_metric_data, {"MetricDataQueries": queries, "NextToken": "?", **window}),
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
            {"Id": "m", "MetricStat": {"Metric": {
                "Namespace": "N", "MetricName": "M", "Dimensions": []}, "Period": 60, "Stat": "p99"}, "ReturnData": False},
            {"Id": "e", "Expression": "m * 2", "Label": "twice"},
        ]
        cloudwatch.put_metric_alarm(
            AlarmName=f"{name}-metric", AlarmDescription="d", DatapointsToAlarm=2, TreatMissingData="notBreaching",
            AlarmActions=["arn:aws:sns:us-east-1:000000000000:topic"], Tags=TAGS, Unit="Count", **ask, **compare)
        cloudwatch.put_metric_alarm(AlarmName=f"{name}-math", Metrics=queries, **compare)
        cloudwatch.put_composite_alarm(AlarmName=f"{name}-both", AlarmRule=f"ALARM({name}-metric) OR ALARM({name}-math)")
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
            ("ResourceNotFound", cloudwatch.set_alarm_state, {"AlarmName": "?", "StateValue": "OK", "StateReason": "r"}),
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

    def test_ecs(self):
        ecs, stage = self.clients["ecs"], self.stage
        in_cluster = {"cluster": stage.cluster}
        ecs.describe_clusters(clusters=[stage.cluster, "nobody-s"], include=["TAGS"])
        ecs.list_clusters(maxResults=1)
        self.task_definitions(ecs)
        ecs.describe_services(services=["every", "nobody-s"], include=["TAGS"], **in_cluster)
        ecs.list_services(**in_cluster)
        ecs.update_service(service="every", desiredCount=3, deploymentConfiguration={
            "maximumPercent": 200, "minimumHealthyPercent": 50}, **in_cluster)

        def running():
            tasks = ecs.list_tasks(serviceName="every", **in_cluster)["taskArns"]
            described = ecs.describe_tasks(tasks=tasks, include=["TAGS"], **in_cluster)["tasks"]
            return [it["taskArn"] for it in described if it["lastStatus"] == "RUNNING"] if len(tasks) == 3 else None

        task = wait_until("three running tasks", lambda: len(running() or []) == 3 and running())[0]
        for arn in (stage.cluster, stage.service, stage.task_definition, task):
            ecs.tag_resource(resourceArn=arn, tags=LOWER_TAGS)
            self.assertEqual(ecs.list_tags_for_resource(resourceArn=arn)["tags"], LOWER_TAGS)
            ecs.untag_resource(resourceArn=arn, tagKeys=["team"])
        ecs.stop_task(task=task, reason="a test", **in_cluster)
        ecs.describe_tasks(tasks=[task, "nobody-s"], **in_cluster)
        ecs.list_tasks(desiredStatus="STOPPED", **in_cluster)
        self.container_refusals(ecs, in_cluster)
        ecs.create_cluster(clusterName="every-other")
        ecs.create_service(cluster="every-other", serviceName="every", taskDefinition=stage.task_definition,
                           desiredCount=0, launchType="FARGATE", tags=LOWER_TAGS,
                           networkConfiguration={"awsvpcConfiguration": {"subnets": SUBNETS}})
        ecs.delete_service(cluster="every-other", service="every")
        self.every_answer_fits("ecs")

    def task_definitions(self, ecs):
        container = {"name": "web", "image": "demo", "portMappings": [{"containerPort": 80, "protocol": "tcp"}],
                     "environment": [{"name": "A", "value": "b"}], "stopTimeout": 5}
        registered = ecs.register_task_definition(
            family="every-other", containerDefinitions=[container, {"name": "side", "image": "i", "essential": False}],
            networkMode="bridge", cpu="256", memory="512", tags=LOWER_TAGS)
        arn = registered["taskDefinition"]["taskDefinitionArn"]
        ecs.describe_task_definition(taskDefinition=arn, include=["TAGS"])
        self.assertEqual(ecs.list_task_definitions(familyPrefix="every-other")["taskDefinitionArns"], [arn])
        ecs.deregister_task_definition(taskDefinition=arn)
        self.refused("ClientException", ecs.describe_task_definition, taskDefinition="nobody-s")
        self.refused("ClientException", ecs.deregister_task_definition, taskDefinition="nobody-s:1")
        self.refused("ClientException", ecs.register_task_definition, family="a b", containerDefinitions=[container])

    def container_refusals(self, ecs, in_cluster):
        elsewhere, missing = {"cluster": "nobody-s"}, {"service": "nobody-s", **in_cluster}
        arn = self.stage.service + "-not"
        for code, call, parameters in [
            ("ClusterNotFoundException", ecs.describe_services, {"services": ["every"], **elsewhere}),
            ("ClusterNotFoundException", ecs.list_services, elsewhere),
            ("ClusterNotFoundException", ecs.list_tasks, elsewhere),
            ("ClusterNotFoundException", ecs.describe_tasks, {"tasks": ["1"], **elsewhere}),
            ("ClusterNotFoundException", ecs.stop_task, {"task": "1", **elsewhere}),
            ("ClusterNotFoundException", ecs.create_service, {"serviceName": "s", "taskDefinition": "t", **elsewhere}),
            ("ServiceNotFoundException", ecs.update_service, missing),
            ("ServiceNotFoundException", ecs.delete_service, missing),
            ("ServiceNotFoundException", ecs.list_tasks, {"serviceName": "nobody-s", **in_cluster}),
            ("InvalidParameterException", ecs.describe_services, {"services": [], **in_cluster}),
            ("InvalidParameterException", ecs.delete_service, {"service": "every", **in_cluster}),
            ("InvalidParameterException", ecs.stop_task, {"task": "nobody-s", **in_cluster}),
            ("ClientException", ecs.create_service, {
                "serviceName": "s", "taskDefinition": "nobody-s", "desiredCount": 1, **in_cluster}),
            ("InvalidParameterException", ecs.list_clusters, {"maxResults": 101}),
            ("InvalidParameterException", ecs.list_tags_for_resource, {"resourceArn": "nobody-s"}),
            ("InvalidParameterException", ecs.list_tags_for_resource, {"resourceArn": arn}),
            ("InvalidParameterException", ecs.tag_resource, {"resourceArn": arn, "tags": LOWER_TAGS}),
            ("InvalidParameterException", ecs.untag_resource, {"resourceArn": arn, "tagKeys": ["team"]}),
        ]:
            self.refused(code, call, **parameters)

    def test_application_auto_scaling(self):
        scaling, target, ecs = self.clients["application-autoscaling"], scalable("every"), {"ServiceNamespace": "ecs"}
        arn = scaling.register_scalable_target(
            SuspendedState={"DynamicScalingInSuspended": True}, **target)["ScalableTargetARN"]
        scaling.describe_scalable_targets(**ecs, ResourceIds=[target["ResourceId"]])
        tracking = {"TargetValue": 60.0, "PredefinedMetricSpecification": {
            "PredefinedMetricType": "ECSServiceAverageCPUUtilization"}}
        steps = {"AdjustmentType": "ChangeInCapacity", "StepAdjustments": [
            {"MetricIntervalLowerBound": 0.0, "ScalingAdjustment": 1}]}
        scaling.put_scaling_policy(PolicyName="cpu", PolicyType="TargetTrackingScaling",
                                   TargetTrackingScalingPolicyConfiguration=tracking, **target)
        scaling.put_scaling_policy(PolicyName="steps", PolicyType="StepScaling",
                                   StepScalingPolicyConfiguration=steps, **target)
        policies = scaling.describe_scaling_policies(**ecs, MaxResults=1)
        scaling.describe_scaling_policies(**ecs, NextToken=policies["NextToken"])
        scaling.put_scheduled_action(ScheduledActionName="night", Schedule="cron(0 20 * * ? *)", Timezone="Europe/Vienna",
                                     ScalableTargetAction={"MinCapacity": 1, "MaxCapacity": 2}, **target)
        scaling.describe_scheduled_actions(**ecs)
        scaling.tag_resource(ResourceARN=arn, Tags={"team": "shop"})
        self.assertEqual(scaling.list_tags_for_resource(ResourceARN=arn)["Tags"], {"team": "shop"})
        scaling.untag_resource(ResourceARN=arn, TagKeys=["team"])
        other = {**target, "ResourceId": "service/every/nobody-s"}
        for code, call, parameters in [
            ("ValidationException", scaling.register_scalable_target, {**other, "MinCapacity": 1, "MaxCapacity": 1}),
            ("ValidationException", scaling.describe_scalable_targets, {"ServiceNamespace": "balloons"}),
            ("InvalidNextTokenException", scaling.describe_scaling_policies, {**ecs, "NextToken": "?"}),
            ("ObjectNotFoundException", scaling.put_scaling_policy, {
                **other, "PolicyName": "p", "PolicyType": "StepScaling", "StepScalingPolicyConfiguration": steps}),
            ("ObjectNotFoundException", scaling.put_scheduled_action, {
                **other, "ScheduledActionName": "a", "Schedule": "rate(1 day)"}),
            ("ObjectNotFoundException", scaling.delete_scaling_policy, {**target, "PolicyName": "nobody-s"}),
            ("ObjectNotFoundException", scaling.delete_scheduled_action, {**target, "ScheduledActionName": "nobody-s"}),
            ("ObjectNotFoundException", scaling.deregister_scalable_target, other),
            ("ResourceNotFoundException", scaling.list_tags_for_resource, {"ResourceARN": f"{arn}?"}),
            ("ResourceNotFoundException", scaling.tag_resource, {"ResourceARN": f"{arn}?", "Tags": {"a": "b"}}),
            ("ResourceNotFoundException", scaling.untag_resource, {"ResourceARN": f"{arn}?", "TagKeys": ["a"]}),
        ]:
            self.refused(code, call, **parameters)
        scaling.delete_scaling_policy(PolicyName="cpu", **target)
        scaling.delete_scheduled_action(ScheduledActionName="night", **target)
        scaling.deregister_scalable_target(**target)
        self.every_answer_fits("application-autoscaling")


def documented(service):
    """The operations that the documentation lists in the service's row."""
    row = re.search(rf"^\| [^|]+ \(`{service}`\) \|(.*)\|$", DOCUMENT.read_text(), re.MULTILINE)
    return sorted(re.findall(r"\w+", row.group(1))) if row else []


if __name__ == "__main__":
    unittest.main()
