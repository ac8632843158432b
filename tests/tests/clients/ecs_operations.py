"""ECS and Application Auto Scaling: every operation, good and bad, against the services' models."""

import unittest

from lab_clients import SUBNETS, forward, scalable, target_group, wait_until
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
        self.task_sets(ecs, in_cluster)
        self.service_deployments(ecs, in_cluster)
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

    def task_sets(self, ecs, in_cluster):
        """What CodeDeploy calls."""
        of_service = {"service": "by-code-deploy", **in_cluster}
        target = {"containerName": "web", "containerPort": 8080}
        service = ecs.create_service(
            cluster=self.stage.cluster, serviceName="by-code-deploy", taskDefinition=self.stage.task_definition,
            desiredCount=1, launchType="FARGATE", deploymentController={"type": "CODE_DEPLOY"},
            loadBalancers=[{"targetGroupArn": self.stage.blue, **target}],
            networkConfiguration={"awsvpcConfiguration": {"subnets": SUBNETS}})["service"]
        original = service["taskSets"][0]["id"]
        made = ecs.create_task_set(
            taskDefinition=self.stage.task_definition, externalId="d-1", scale={"value": 100, "unit": "PERCENT"},
            loadBalancers=[{"targetGroupArn": self.stage.green, **target}], tags=TAGS, **of_service)["taskSet"]["id"]
        ecs.describe_task_sets(include=["TAGS"], **of_service)
        ecs.describe_services(services=["by-code-deploy"], include=["TAGS"], **in_cluster)
        self.refused("LimitExceededException", ecs.create_task_set, taskDefinition=self.stage.task_definition, **of_service)
        self.refused("InvalidParameterException", ecs.delete_task_set, taskSet=original, force=True, **of_service)
        self.refused("TaskSetNotFoundException", ecs.delete_task_set, taskSet="ecs-svc/1", **of_service)
        self.refused("InvalidParameterException", ecs.describe_task_sets, service=self.name, **in_cluster)
        ecs.update_service_primary_task_set(primaryTaskSet=made, **of_service)
        self.assertEqual(ecs.delete_task_set(taskSet=original, force=True, **of_service)["taskSet"]["status"], "DRAINING")
        ecs.delete_service(force=True, **of_service)

    def service_deployments(self, ecs, in_cluster):
        """ECS's own blue/green deployments: one that goes through, and one that is stopped."""
        elb, of_service = self.clients["elbv2"], {"service": "by-ecs", **in_cluster}
        blue, green = (target_group(elb, f"by-ecs-{colour}", HealthCheckIntervalSeconds=5, HealthCheckTimeoutSeconds=2,
                                    HealthyThresholdCount=2) for colour in ("blue", "green"))
        rule = elb.create_rule(
            ListenerArn=self.stage.listener, Priority=7, Actions=[forward((blue, 1), (green, 0))],
            Conditions=[{"Field": "path-pattern", "Values": ["/by-ecs"]}])["Rules"][0]["RuleArn"]
        role = "arn:aws:iam::000000000000:role/by-ecs"
        advanced = {"alternateTargetGroupArn": green, "productionListenerRule": rule, "roleArn": role}
        pause = {"targetType": "PAUSE", "lifecycleStages": ["POST_TEST_TRAFFIC_SHIFT"],
                 "timeoutConfiguration": {"timeoutInMinutes": 600, "action": "ROLLBACK"}}
        hook = {"hookTargetArn": "arn:aws:lambda:us-east-1:000000000000:function:nobody-s", "roleArn": role,
                "hookDetails": {"plan": "ssm:/teal/shop"}, "lifecycleStages": ["RECONCILE_SERVICE"]}
        configuration = {
            "strategy": "CANARY", "bakeTimeInMinutes": 0, "alarms": {"alarmNames": ["a"], "enable": True, "rollback": True},
            "canaryConfiguration": {"canaryPercent": 10.0, "canaryBakeTimeInMinutes": 0}}
        balancer = {"targetGroupArn": blue, "containerName": "web", "containerPort": 8080}
        new = {"taskDefinition": self.stage.task_definition, "desiredCount": 1, "launchType": "FARGATE",
               "networkConfiguration": {"awsvpcConfiguration": {"subnets": SUBNETS}}}
        self.refused("InvalidParameterException", ecs.create_service, cluster=self.stage.cluster, serviceName="s", **new,
                     loadBalancers=[balancer], deploymentConfiguration=configuration)
        ecs.create_service(cluster=self.stage.cluster, serviceName="by-ecs", **new, deploymentConfiguration=configuration,
                           loadBalancers=[{**balancer, "advancedConfiguration": advanced}])

        def latest(status=None):
            listed = ecs.list_service_deployments(**of_service)["serviceDeployments"][0]["serviceDeploymentArn"]
            described = ecs.describe_service_deployments(serviceDeploymentArns=[listed])["serviceDeployments"][0]
            return described if status in (None, described["status"]) else None

        def paused():
            hooks = (latest("IN_PROGRESS") or {}).get("lifecycleHookDetails")
            return hooks and hooks[0]["status"] == "AWAITING_ACTION" and hooks[0]["hookId"]

        first = wait_until("the first deployment", lambda: latest("SUCCESSFUL"))
        for ends in ("SUCCESSFUL", "ROLLBACK_SUCCESSFUL"):
            ecs.update_service(forceNewDeployment=True, **of_service, deploymentConfiguration={
                **configuration, "lifecycleHooks": [pause, hook]})
            waits = {"hookId": wait_until("a pause", paused), "serviceDeploymentArn": latest()["serviceDeploymentArn"]}
            ecs.describe_services(services=["by-ecs"], **in_cluster)
            self.refused("InvalidParameterException", ecs.continue_service_deployment, **{**waits, "hookId": "nobody-s"})
            if ends == "SUCCESSFUL":
                ecs.continue_service_deployment(action="CONTINUE", **waits)
            else:
                ecs.stop_service_deployment(serviceDeploymentArn=waits["serviceDeploymentArn"], stopType="ROLLBACK")
            done = wait_until(ends, lambda status=ends: latest(status))
        self.refused("InvalidParameterException", ecs.continue_service_deployment, **waits)
        over = {"serviceDeploymentArn": waits["serviceDeploymentArn"]}
        self.refused("ConflictException", ecs.stop_service_deployment, **over)
        self.refused("InvalidParameterException", ecs.stop_service_deployment, stopType="ABORT", **over)
        self.refused("ServiceDeploymentNotFoundException", ecs.stop_service_deployment,
                     serviceDeploymentArn=waits["serviceDeploymentArn"] + "x")
        arns = [it["targetServiceRevision"]["arn"] for it in (first, done)]
        self.assertEqual(len(ecs.describe_service_revisions(serviceRevisionArns=[*arns, arns[0] + "1"])["failures"]), 1)
        self.refused("InvalidParameterException", ecs.describe_service_revisions, serviceRevisionArns=["nobody-s"])
        self.refused("InvalidParameterException", ecs.describe_service_deployments, serviceDeploymentArns=[])
        page = ecs.list_service_deployments(maxResults=1, status=["SUCCESSFUL"], **of_service)
        ecs.list_service_deployments(nextToken=page["nextToken"], **of_service)
        self.refused("ServiceNotFoundException", ecs.list_service_deployments, service="nobody-s", **in_cluster)
        ecs.delete_service(force=True, **of_service)

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
