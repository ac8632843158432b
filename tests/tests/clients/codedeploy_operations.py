"""CodeDeploy: every operation, good and bad, against the service's model, on deployments that really happen: to a service behind a load
balancer, to an alias of a function, and to an instance of a group."""

import io
import json
import tarfile
import unittest

from lab_clients import SUBNETS, forward, free_port, get, wait_until
from served_operations import DOCUMENT, ServedOperations, documented

ENDS = ("Succeeded", "Failed", "Stopped")
STYLE = {"deploymentType": "BLUE_GREEN", "deploymentOption": "WITH_TRAFFIC_CONTROL"}
ROLLBACK = {"enabled": True, "events": ["DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_REQUEST"]}
ROLE = "arn:aws:iam::000000000000:role/codedeploy"
# Only a function that CodeDeploy has invoked knows what it would have to answer.
NOT_ANSWERED = "PutLifecycleEventHookExecutionStatus"


class Deployments(ServedOperations):
    name = "codedeploy"

    def test_every_operation(self):
        deploy, ecs = self.clients["codedeploy"], self.clients["ecs"]
        self.configurations(deploy)
        self.service(deploy, ecs)
        self.refusals(deploy)
        self.function(deploy)
        self.instance(deploy)
        called = {operation for of, operation in self.clients.answered if of == "codedeploy"}
        served = self.served("codedeploy")
        findings = self.clients.report("codedeploy")
        self.assertFalse(findings, f"what the model says otherwise:\n{findings}")
        self.assertEqual(served - called, {NOT_ANSWERED}, "operations that are served, and those that answered here")
        self.assertEqual(sorted(served), documented("codedeploy"), f"what {DOCUMENT.name} lists of CodeDeploy")

    def configurations(self, deploy):
        canary = {"type": "TimeBasedCanary", "timeBasedCanary": {"canaryPercentage": 25, "canaryInterval": 2}}
        deploy.create_deployment_config(deploymentConfigName="quarter", computePlatform="ECS", trafficRoutingConfig=canary)
        self.refused("DeploymentConfigAlreadyExistsException", deploy.create_deployment_config,
                     deploymentConfigName="quarter", computePlatform="ECS", trafficRoutingConfig=canary)
        for name in ("quarter", "CodeDeployDefault.ECSLinear10PercentEvery1Minutes", "CodeDeployDefault.LambdaAllAtOnce"):
            deploy.get_deployment_config(deploymentConfigName=name)

    def service(self, deploy, ecs):
        stage, elb = self.stage, self.clients["elbv2"]
        port = free_port(stage.address)
        test_listener = elb.create_listener(
            LoadBalancerArn=stage.balancer, Protocol="HTTP", Port=port, DefaultActions=[forward((stage.blue, None))],
        )["Listeners"][0]["ListenerArn"]
        ecs.create_service(
            cluster=stage.cluster, serviceName="shop", taskDefinition=stage.task_definition, desiredCount=1,
            launchType="FARGATE", deploymentController={"type": "CODE_DEPLOY"},
            loadBalancers=[{"targetGroupArn": stage.blue, "containerName": "web", "containerPort": 8080}],
            networkConfiguration={"awsvpcConfiguration": {"subnets": SUBNETS}})
        wait_until("a steady task set", lambda: self.task_sets(ecs)[0]["stabilityStatus"] == "STEADY_STATE")
        deploy.create_application(applicationName="shop", computePlatform="ECS", tags=[])
        self.group = {"applicationName": "shop", "deploymentGroupName": "checkout"}
        deploy.create_deployment_group(
            **self.group, serviceRoleArn=ROLE, deploymentConfigName="quarter", deploymentStyle=STYLE,
            autoRollbackConfiguration=ROLLBACK, ecsServices=[{"clusterName": self.name, "serviceName": "shop"}],
            loadBalancerInfo={"targetGroupPairInfoList": [{
                "targetGroups": [{"name": f"{self.name}-blue"}, {"name": f"{self.name}-green"}],
                "prodTrafficRoute": {"listenerArns": [stage.listener]}, "testTrafficRoute": {"listenerArns": [test_listener]}}]},
            blueGreenDeploymentConfiguration={
                "deploymentReadyOption": {"actionOnTimeout": "STOP_DEPLOYMENT", "waitTimeInMinutes": 600},
                "terminateBlueInstancesOnDeploymentSuccess": {"action": "TERMINATE", "terminationWaitTimeInMinutes": 1}})
        deploy.get_deployment_group(**self.group)
        deploy.update_deployment_group(
            applicationName="shop", currentDeploymentGroupName="checkout", alarmConfiguration={"enabled": False, "alarms": []})

        # To green, and while a quarter of the traffic is there, back.
        first = self.create(deploy, [])
        self.refused("DeploymentLimitExceededException", deploy.create_deployment, **self.group, revision=self.revision([]))
        wait_until("ready", lambda: self.status(deploy, first) == "Ready")
        self.assertEqual(self.weights(elb), {stage.blue: 100, stage.green: 0})
        self.assertEqual(get(f"http://{stage.address}:{port}/")[0], 200)
        [target] = deploy.list_deployment_targets(deploymentId=first)["targetIds"]
        deploy.get_deployment_target(deploymentId=first, targetId=target)
        deploy.continue_deployment(deploymentId=first, deploymentWaitType="READY_WAIT")
        wait_until("a quarter", lambda: self.weights(elb)[stage.green] == 25)
        self.assertEqual(len(self.task_sets(ecs)), 2)
        deploy.stop_deployment(deploymentId=first, autoRollbackEnabled=True)
        info = self.ended(deploy, first)
        self.assertEqual(info["status"], "Stopped")
        back = self.ended(deploy, info["rollbackInfo"]["rollbackDeploymentId"])
        self.assertEqual((back["status"], back["creator"]), ("Succeeded", "codeDeployRollback"))
        self.assertEqual(back["rollbackInfo"]["rollbackTriggeringDeploymentId"], first)
        self.assertEqual(self.weights(elb), {stage.blue: 100, stage.green: 0})
        wait_until("one task set", lambda: len(self.task_sets(ecs)) == 1)

        # All the way.
        second = self.create(deploy, [])
        wait_until("ready", lambda: self.status(deploy, second) == "Ready")
        deploy.continue_deployment(deploymentId=second)
        self.assertEqual(self.ended(deploy, second)["status"], "Succeeded")
        self.assertEqual(self.weights(elb), {stage.blue: 0, stage.green: 100})
        targets = deploy.batch_get_deployment_targets(deploymentId=second, targetIds=[target])["deploymentTargets"]
        events = targets[0]["ecsTarget"]["lifecycleEvents"]
        self.assertEqual([event["status"] for event in events], ["Succeeded"] * 8)
        wait_until("one task set", lambda: len(self.task_sets(ecs)) == 1)
        self.assertEqual(get(stage.url)[0], 200)

        # A hook that cannot be run.
        third = self.create(deploy, [{"AfterInstall": "CodeDeployHook_nobody-s"}])
        info = self.ended(deploy, third)
        self.assertEqual((info["status"], info["errorInformation"]["code"]), ("Failed", "HOOK_EXECUTION_FAILURE"))
        self.ended(deploy, info["rollbackInfo"]["rollbackDeploymentId"])
        self.assertEqual(self.weights(elb), {stage.blue: 0, stage.green: 100})
        deploy.batch_get_deployments(deploymentIds=[first, second, third])
        listed = deploy.list_deployments(**self.group, includeOnlyStatuses=["Failed"])["deployments"]
        self.assertEqual(listed, [third])
        deploy.get_deployment_group(**self.group)
        self.ended_id = third

    def function(self, deploy):
        functions = self.clients["lambda"]
        functions.create_function(FunctionName="priced", Role=ROLE, Runtime="python3.13", Handler="i.h", Code={"ZipFile": b""},
                                  Publish=True)
        functions.update_function_configuration(FunctionName="priced", Description="two")
        functions.publish_version(FunctionName="priced")
        functions.create_alias(FunctionName="priced", Name="live", FunctionVersion="1")
        deploy.create_application(applicationName="functions", computePlatform="Lambda")
        group = {"applicationName": "functions", "deploymentGroupName": "priced"}
        deploy.create_deployment_group(**group, serviceRoleArn=ROLE)
        properties = {"Name": "priced", "Alias": "live", "CurrentVersion": "1", "TargetVersion": "2"}
        spec = {"version": 0.0, "Resources": [{"f": {"Type": "AWS::Lambda::Function", "Properties": properties}}]}
        revision = {"revisionType": "String", "string": {"content": json.dumps(spec)}}
        made = deploy.create_deployment(**group, revision=revision,
                                        deploymentConfigName="CodeDeployDefault.LambdaLinear10PercentEvery1Minute")
        alias = lambda: functions.get_alias(FunctionName="priced", Name="live")
        share = lambda: alias().get("RoutingConfig", {}).get("AdditionalVersionWeights", {}).get("2", 0)
        wait_until("half of it", lambda: share() >= 0.5)
        self.assertEqual(self.ended(deploy, made["deploymentId"])["status"], "Succeeded")
        self.assertEqual((alias()["FunctionVersion"], share()), ("2", 0))
        deploy.get_deployment_target(deploymentId=made["deploymentId"], targetId="priced")

    def instance(self, deploy):
        scaling, ec2, s3 = self.clients["autoscaling"], self.clients["ec2"], self.clients["s3"]
        ec2.create_launch_template(LaunchTemplateName="servers", LaunchTemplateData={"ImageId": "ami-1ab00001", "UserData": ""})
        scaling.create_auto_scaling_group(
            AutoScalingGroupName="servers", MinSize=1, MaxSize=1, VPCZoneIdentifier=SUBNETS[0],
            LaunchTemplate={"LaunchTemplateName": "servers", "Version": "1"})
        found = lambda: scaling.describe_auto_scaling_groups(AutoScalingGroupNames=["servers"])["AutoScalingGroups"][0]["Instances"]
        wait_until("an instance in service", lambda: [it["LifecycleState"] for it in found()] == ["InService"])
        deploy.create_deployment_config(deploymentConfigName="any", computePlatform="Server",
                                        minimumHealthyHosts={"type": "FLEET_PERCENT", "value": 0})
        deploy.get_deployment_config(deploymentConfigName="any")
        self.refused("InvalidMinimumHealthyHostValueException", deploy.create_deployment_config, deploymentConfigName="all",
                     computePlatform="Server", minimumHealthyHosts={"type": "FLEET_PERCENT", "value": 101})
        deploy.create_application(applicationName="servers", computePlatform="Server")
        group = {"applicationName": "servers", "deploymentGroupName": "servers"}
        deploy.create_deployment_group(**group, serviceRoleArn=ROLE, deploymentConfigName="any", autoScalingGroups=["servers"])
        deploy.get_deployment_group(**group)
        s3.create_bucket(Bucket="revisions")
        s3.put_object(Bucket="revisions", Key="servers.tgz", Body=self.archive({
            "appspec.yml": "version: 0.0\nos: linux\nfiles: [{source: /app, destination: /srv/app}]\n"
                           "hooks: {AfterInstall: [{location: check.sh, timeout: 60}]}\n",
            "check.sh": "#!/bin/sh\necho \"$LIFECYCLE_EVENT of $DEPLOYMENT_ID\"\n",
            "app/environment": "export TEAL_DEMO_VERSION=2\n"}))
        location = {"bucket": "revisions", "key": "servers.tgz", "bundleType": "tgz"}
        made = deploy.create_deployment(**group, revision={"revisionType": "S3", "s3Location": location})["deploymentId"]
        info = self.ended(deploy, made)
        self.assertEqual((info["status"], info["deploymentOverview"]["Succeeded"]), ("Succeeded", 1))
        [target] = deploy.list_deployment_targets(deploymentId=made)["targetIds"]
        self.assertEqual(target, found()[0]["InstanceId"])
        shown = deploy.get_deployment_target(deploymentId=made, targetId=target)["deploymentTarget"]["instanceTarget"]
        events = {event["lifecycleEventName"]: event["diagnostics"]["logTail"] for event in shown["lifecycleEvents"]}
        self.assertEqual((len(events), events["AfterInstall"]), (7, f"AfterInstall of {made}\n"))
        deploy.batch_get_deployment_targets(deploymentId=made, targetIds=[target])
        self.refused("InvalidRevisionException", deploy.create_deployment, **group, revision={"revisionType": "GitHub"})
        scaling.delete_auto_scaling_group(AutoScalingGroupName="servers", ForceDelete=True)

    def archive(self, files):
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w:gz") as archive:
            for name, text in files.items():
                entry = tarfile.TarInfo(name)
                entry.size, entry.mode = len(text), 0o755
                archive.addfile(entry, io.BytesIO(text.encode()))
        return packed.getvalue()

    def refusals(self, deploy):
        ended = {"deploymentId": self.ended_id}
        for code, call, parameters in [
            ("ApplicationAlreadyExistsException", deploy.create_application, {"applicationName": "shop", "computePlatform": "ECS"}),
            ("InvalidComputePlatformException", deploy.create_application, {"applicationName": "x", "computePlatform": "Mainframe"}),
            ("ApplicationDoesNotExistException", deploy.get_deployment_group, {**self.group, "applicationName": "nobody-s"}),
            ("DeploymentGroupDoesNotExistException", deploy.get_deployment_group, {**self.group, "deploymentGroupName": "nobody-s"}),
            ("RoleRequiredException", deploy.create_deployment_group, {**self.group}),
            ("InvalidDeploymentStyleException", deploy.update_deployment_group, {
                "applicationName": "shop", "currentDeploymentGroupName": "checkout",
                "deploymentStyle": {**STYLE, "deploymentType": "IN_PLACE"}}),
            ("DeploymentConfigDoesNotExistException", deploy.get_deployment_config, {"deploymentConfigName": "nobody-s"}),
            ("RevisionRequiredException", deploy.create_deployment, {**self.group}),
            ("InvalidRevisionException", deploy.create_deployment, {**self.group, "revision": {"revisionType": "S3"}}),
            ("DeploymentDoesNotExistException", deploy.get_deployment, {"deploymentId": "d-123456789"}),
            ("InvalidDeploymentIdException", deploy.batch_get_deployments, {"deploymentIds": ["1"]}),
            ("InvalidDeploymentStatusException", deploy.list_deployments, {"includeOnlyStatuses": ["Lost"]}),
            ("DeploymentGroupNameRequiredException", deploy.list_deployments, {"applicationName": "shop"}),
            ("DeploymentTargetDoesNotExistException", deploy.get_deployment_target, {**ended, "targetId": "nobody-s"}),
            ("DeploymentTargetIdRequiredException", deploy.batch_get_deployment_targets, {**ended, "targetIds": []}),
            ("DeploymentAlreadyCompletedException", deploy.stop_deployment, ended),
            ("DeploymentAlreadyCompletedException", deploy.continue_deployment, ended),
            ("InvalidLifecycleEventHookExecutionIdException", deploy.put_lifecycle_event_hook_execution_status, {
                **ended, "lifecycleEventHookExecutionId": "nobody-s", "status": "Succeeded"}),
            ("InvalidLifecycleEventHookExecutionStatusException", deploy.put_lifecycle_event_hook_execution_status, {
                **ended, "lifecycleEventHookExecutionId": "nobody-s", "status": "Skipped"}),
        ]:
            self.refused(code, call, **parameters)

    def revision(self, hooks):
        properties = {"TaskDefinition": self.stage.task_definition,
                      "LoadBalancerInfo": {"ContainerName": "web", "ContainerPort": 8080}}
        spec = {"version": 0.0, "Resources": [{"web": {"Type": "AWS::ECS::Service", "Properties": properties}}], "Hooks": hooks}
        return {"revisionType": "AppSpecContent", "appSpecContent": {"content": json.dumps(spec)}}

    def create(self, deploy, hooks):
        return deploy.create_deployment(**self.group, description="a test", revision=self.revision(hooks))["deploymentId"]

    def status(self, deploy, deployment):
        return deploy.get_deployment(deploymentId=deployment)["deploymentInfo"]["status"]

    def ended(self, deploy, deployment):
        wait_until(f"the end of {deployment}", lambda: self.status(deploy, deployment) in ENDS, within=60)
        return deploy.get_deployment(deploymentId=deployment)["deploymentInfo"]

    def weights(self, elb):
        listener = elb.describe_listeners(ListenerArns=[self.stage.listener])["Listeners"][0]
        groups = listener["DefaultActions"][0]["ForwardConfig"]["TargetGroups"]
        return {group["TargetGroupArn"]: group["Weight"] for group in groups}

    def task_sets(self, ecs):
        return ecs.describe_services(cluster=self.stage.cluster, services=["shop"])["services"][0]["taskSets"]


if __name__ == "__main__":
    unittest.main()
