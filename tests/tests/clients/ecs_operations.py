"""ECS and Application Auto Scaling: every operation, good and bad, against the services' models."""

import unittest

from lab_clients import SUBNETS, scalable, wait_until
from served_operations import ServedOperations

TAGS = [{"key": "team", "value": "shop"}]


class Containers(ServedOperations):
    name = "ecs"

    def test_every_operation_of_ecs(self):
        ecs, stage = self.clients["ecs"], self.stage
        in_cluster = {"cluster": stage.cluster}
        ecs.describe_clusters(clusters=[stage.cluster, "nobody-s"], include=["TAGS"])
        ecs.list_clusters(maxResults=1)
        self.task_definitions(ecs)
        ecs.describe_services(services=[self.name, "nobody-s"], include=["TAGS"], **in_cluster)
        ecs.list_services(**in_cluster)
        ecs.update_service(service=self.name, desiredCount=3, deploymentConfiguration={
            "maximumPercent": 200, "minimumHealthyPercent": 50}, **in_cluster)

        def running():
            tasks = ecs.list_tasks(serviceName=self.name, **in_cluster)["taskArns"]
            described = ecs.describe_tasks(tasks=tasks, include=["TAGS"], **in_cluster)["tasks"]
            return [it["taskArn"] for it in described if it["lastStatus"] == "RUNNING"] if len(tasks) == 3 else None

        task = wait_until("three running tasks", lambda: len(running() or []) == 3 and running())[0]
        for arn in (stage.cluster, stage.service, stage.task_definition, task):
            ecs.tag_resource(resourceArn=arn, tags=TAGS)
            self.assertEqual(ecs.list_tags_for_resource(resourceArn=arn)["tags"], TAGS)
            ecs.untag_resource(resourceArn=arn, tagKeys=["team"])
        ecs.stop_task(task=task, reason="a test", **in_cluster)
        ecs.describe_tasks(tasks=[task, "nobody-s"], **in_cluster)
        ecs.list_tasks(desiredStatus="STOPPED", **in_cluster)
        self.container_refusals(ecs, in_cluster)
        ecs.create_cluster(clusterName="ecs-other")
        ecs.create_service(cluster="ecs-other", serviceName=self.name, taskDefinition=stage.task_definition,
                           desiredCount=0, launchType="FARGATE", tags=TAGS,
                           networkConfiguration={"awsvpcConfiguration": {"subnets": SUBNETS}})
        ecs.delete_service(cluster="ecs-other", service=self.name)
        self.every_answer_fits("ecs")

    def task_definitions(self, ecs):
        container = {"name": "web", "image": "demo", "portMappings": [{"containerPort": 80, "protocol": "tcp"}],
                     "environment": [{"name": "A", "value": "b"}], "stopTimeout": 5}
        registered = ecs.register_task_definition(
            family="ecs-other", containerDefinitions=[container, {"name": "side", "image": "i", "essential": False}],
            networkMode="bridge", cpu="256", memory="512", tags=TAGS)
        arn = registered["taskDefinition"]["taskDefinitionArn"]
        ecs.describe_task_definition(taskDefinition=arn, include=["TAGS"])
        self.assertEqual(ecs.list_task_definitions(familyPrefix="ecs-other")["taskDefinitionArns"], [arn])
        ecs.deregister_task_definition(taskDefinition=arn)
        self.refused("ClientException", ecs.describe_task_definition, taskDefinition="nobody-s")
        self.refused("ClientException", ecs.deregister_task_definition, taskDefinition="nobody-s:1")
        self.refused("ClientException", ecs.register_task_definition, family="a b", containerDefinitions=[container])

    def container_refusals(self, ecs, in_cluster):
        elsewhere, missing = {"cluster": "nobody-s"}, {"service": "nobody-s", **in_cluster}
        arn = self.stage.service + "-not"
        for code, call, parameters in [
            ("ClusterNotFoundException", ecs.describe_services, {"services": [self.name], **elsewhere}),
            ("ClusterNotFoundException", ecs.list_services, elsewhere),
            ("ClusterNotFoundException", ecs.list_tasks, elsewhere),
            ("ClusterNotFoundException", ecs.describe_tasks, {"tasks": ["1"], **elsewhere}),
            ("ClusterNotFoundException", ecs.stop_task, {"task": "1", **elsewhere}),
            ("ClusterNotFoundException", ecs.create_service, {"serviceName": "s", "taskDefinition": "t", **elsewhere}),
            ("ServiceNotFoundException", ecs.update_service, missing),
            ("ServiceNotFoundException", ecs.delete_service, missing),
            ("ServiceNotFoundException", ecs.list_tasks, {"serviceName": "nobody-s", **in_cluster}),
            ("InvalidParameterException", ecs.describe_services, {"services": [], **in_cluster}),
            ("InvalidParameterException", ecs.delete_service, {"service": self.name, **in_cluster}),
            ("InvalidParameterException", ecs.stop_task, {"task": "nobody-s", **in_cluster}),
            ("ClientException", ecs.create_service, {
                "serviceName": "s", "taskDefinition": "nobody-s", "desiredCount": 1, **in_cluster}),
            ("InvalidParameterException", ecs.list_clusters, {"maxResults": 101}),
            ("InvalidParameterException", ecs.list_tags_for_resource, {"resourceArn": "nobody-s"}),
            ("InvalidParameterException", ecs.list_tags_for_resource, {"resourceArn": arn}),
            ("InvalidParameterException", ecs.tag_resource, {"resourceArn": arn, "tags": TAGS}),
            ("InvalidParameterException", ecs.untag_resource, {"resourceArn": arn, "tagKeys": ["team"]}),
        ]:
            self.refused(code, call, **parameters)

    def test_every_operation_of_application_auto_scaling(self):
        scaling, target, ecs = self.clients["application-autoscaling"], scalable(self.name), {"ServiceNamespace": "ecs"}
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
        night = {"MinCapacity": 1, "MaxCapacity": 2}
        scaling.put_scheduled_action(ScheduledActionName="night", Schedule="cron(0 20 * * ? *)",
                                     Timezone="Europe/Vienna", ScalableTargetAction=night, **target)
        scaling.describe_scheduled_actions(**ecs)
        scaling.tag_resource(ResourceARN=arn, Tags={"team": "shop"})
        self.assertEqual(scaling.list_tags_for_resource(ResourceARN=arn)["Tags"], {"team": "shop"})
        scaling.untag_resource(ResourceARN=arn, TagKeys=["team"])
        other = {**target, "ResourceId": f"service/{self.name}/nobody-s"}
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


if __name__ == "__main__":
    unittest.main()
