"""EC2 Auto Scaling: every operation, good and bad, against the service's model. Launch templates come along."""

import unittest

from lab_clients import SUBNETS, wait_until
from served_operations import TAGS, ServedOperations


class AutoScaling(ServedOperations):
    name = "asg"

    def test_every_operation(self):
        scaling, ec2 = self.clients["autoscaling"], self.clients["ec2"]
        template = self.launch_templates(ec2)
        group = {"AutoScalingGroupName": "asg-a"}
        scaling.create_auto_scaling_group(
            **group, MinSize=1, MaxSize=4, DesiredCapacity=2, VPCZoneIdentifier=",".join(SUBNETS),
            LaunchTemplate={"LaunchTemplateId": template, "Version": "1"}, TargetGroupARNs=[self.stage.green],
            HealthCheckType="ELB", HealthCheckGracePeriod=30, DefaultInstanceWarmup=10,
            TerminationPolicies=["OldestInstance"], InstanceMaintenancePolicy={
                "MinHealthyPercentage": 90, "MaxHealthyPercentage": 120},
            Tags=[{**tag, "PropagateAtLaunch": True} for tag in TAGS])

        def described():
            return scaling.describe_auto_scaling_groups(AutoScalingGroupNames=["asg-a"])["AutoScalingGroups"][0]

        def in_service():
            states = [instance["LifecycleState"] for instance in described()["Instances"]]
            return states == ["InService", "InService"] and described()["Instances"]

        instances = wait_until("two instances in service", in_service)
        self.assertEqual({instance["LaunchTemplate"]["Version"] for instance in instances}, {"1"})
        self.described_by_ec2(ec2, [instance["InstanceId"] for instance in instances])
        scaling.create_auto_scaling_group(
            AutoScalingGroupName="asg-b", MinSize=0, MaxSize=0, VPCZoneIdentifier=SUBNETS[0], MixedInstancesPolicy={
                "LaunchTemplate": {"LaunchTemplateSpecification": {"LaunchTemplateName": "asg", "Version": "$Latest"},
                                   "Overrides": [{"InstanceType": "t3.small"}, {"InstanceType": "t3.medium"}]},
                "InstancesDistribution": {"OnDemandPercentageAboveBaseCapacity": 100}})
        self.attachments(scaling, group)
        self.policies_and_schedules(scaling, group)
        processes = ["AlarmNotification", "ScheduledActions"]
        scaling.suspend_processes(**group, ScalingProcesses=processes)
        self.assertEqual([it["ProcessName"] for it in described()["SuspendedProcesses"]], processes)
        scaling.resume_processes(**group)
        one = instances[0]["InstanceId"]
        scaling.set_instance_protection(**group, InstanceIds=[one], ProtectedFromScaleIn=True)
        scaling.set_desired_capacity(**group, DesiredCapacity=1)
        wait_until("the other one leaves", lambda: [
            it["InstanceId"] for it in described()["Instances"] if it["LifecycleState"] == "InService"] == [one])
        scaling.set_instance_health(InstanceId=one, HealthStatus="Healthy")
        scaling.update_auto_scaling_group(
            **group, MaxSize=3, LaunchTemplate={"LaunchTemplateName": "asg", "Version": "$Latest"})
        page = scaling.describe_auto_scaling_groups(MaxRecords=1)
        scaling.describe_auto_scaling_groups(MaxRecords=1, NextToken=page["NextToken"])
        scaling.describe_scaling_activities(**group)
        self.refusals(scaling, group)
        scaling.delete_auto_scaling_group(**group, ForceDelete=True)
        scaling.delete_auto_scaling_group(AutoScalingGroupName="asg-b")
        self.every_answer_fits("autoscaling")

    def described_by_ec2(self, ec2, ids):
        found = [it for one in ec2.describe_instances(InstanceIds=ids)["Reservations"] for it in one["Instances"]]
        self.assertEqual([(it["InstanceId"], it["State"]["Name"]) for it in found], [(id, "running") for id in ids])
        # Of its own, at the port that the group's targets have.
        self.assertEqual(len({it["PrivateIpAddress"] for it in found}), len(ids))
        self.refused("InvalidInstanceID.NotFound", ec2.describe_instances, InstanceIds=["i-0123456789abcdef0"])
        self.refused("InvalidInstanceID.Malformed", ec2.describe_instances, InstanceIds=["nobody-s"])

    def launch_templates(self, ec2):
        data = {"ImageId": "ami-1ab00001", "InstanceType": "t3.micro", "UserData": ""}
        created = ec2.create_launch_template(LaunchTemplateName="asg", LaunchTemplateData=data)["LaunchTemplate"]
        template = created["LaunchTemplateId"]
        ec2.create_launch_template_version(
            LaunchTemplateId=template, SourceVersion="1", VersionDescription="two",
            LaunchTemplateData={"UserData": "ZXhwb3J0IEE9MQo="})
        versions = ec2.describe_launch_template_versions(LaunchTemplateName="asg", Versions=["1", "$Latest"])
        self.assertEqual([it["VersionNumber"] for it in versions["LaunchTemplateVersions"]], [1, 2])
        self.refused("InvalidLaunchTemplateId.VersionNotFound", ec2.describe_launch_template_versions,
                     LaunchTemplateId=template, Versions=["9"])
        self.refused("InvalidLaunchTemplateName.AlreadyExistsException", ec2.create_launch_template,
                     LaunchTemplateName="asg", LaunchTemplateData=data)
        return template

    def attachments(self, scaling, group):
        other = {"TargetGroupARNs": [self.stage.blue]}
        sources = {"TrafficSources": [{"Identifier": self.stage.blue, "Type": "elbv2"}]}
        scaling.attach_load_balancer_target_groups(**group, **other)
        scaling.describe_load_balancer_target_groups(**group)
        scaling.detach_load_balancer_target_groups(**group, **other)
        scaling.attach_traffic_sources(**group, **sources)
        self.assertEqual(len(scaling.describe_traffic_sources(**group)["TrafficSources"]), 2)
        scaling.detach_traffic_sources(**group, **sources)
        self.refused("ValidationError", scaling.detach_load_balancer_target_groups, **group, **other)

    def policies_and_schedules(self, scaling, group):
        scaling.put_scaling_policy(
            **group, PolicyName="cpu", PolicyType="TargetTrackingScaling", TargetTrackingConfiguration={
                "TargetValue": 50.0, "DisableScaleIn": False,
                "PredefinedMetricSpecification": {"PredefinedMetricType": "ASGAverageCPUUtilization"}})
        scaling.put_scaling_policy(
            **group, PolicyName="step", PolicyType="StepScaling", AdjustmentType="ChangeInCapacity",
            StepAdjustments=[{"MetricIntervalLowerBound": 0.0, "ScalingAdjustment": 1}], EstimatedInstanceWarmup=5)
        policies = scaling.describe_policies(**group)["ScalingPolicies"]
        self.assertEqual([(it["PolicyName"], len(it["Alarms"])) for it in policies], [("cpu", 2), ("step", 0)])
        scaling.delete_policy(**group, PolicyName="step")
        scaling.put_scheduled_update_group_action(
            **group, ScheduledActionName="day", Recurrence="0 8 * * *", MinSize=2, TimeZone="Europe/Vienna")
        scaling.batch_put_scheduled_update_group_action(**group, ScheduledUpdateGroupActions=[
            {"ScheduledActionName": "night", "Recurrence": "0 20 * * *", "DesiredCapacity": 1},
            {"ScheduledActionName": "bad", "Recurrence": "0 20 * * *"}])
        actions = scaling.describe_scheduled_actions(**group)["ScheduledUpdateGroupActions"]
        self.assertEqual([it["ScheduledActionName"] for it in actions], ["day", "night"])
        scaling.delete_scheduled_action(**group, ScheduledActionName="day")

    def refusals(self, scaling, group):
        new = {"AutoScalingGroupName": "asg-c", "MinSize": 0, "MaxSize": 1, "VPCZoneIdentifier": SUBNETS[0]}
        template = {"LaunchTemplateName": "asg"}
        gone = {"AutoScalingGroupName": "asg-gone"}
        for code, call, parameters in [
            ("AlreadyExists", scaling.create_auto_scaling_group, {**new, **group, "LaunchTemplate": template}),
            ("ValidationError", scaling.create_auto_scaling_group, new),
            ("ValidationError", scaling.create_auto_scaling_group, {
                **new, "LaunchTemplate": {**template, "Version": "9"}}),
            ("ValidationError", scaling.update_auto_scaling_group, {**group, "MinSize": 5}),
            ("ValidationError", scaling.update_auto_scaling_group, gone),
            ("ValidationError", scaling.set_desired_capacity, {**group, "DesiredCapacity": 9}),
            ("ValidationError", scaling.describe_policies, gone),
            ("ValidationError", scaling.suspend_processes, {**group, "ScalingProcesses": ["Dance"]}),
            ("ValidationError", scaling.put_scaling_policy, {
                **group, "PolicyName": "p", "PolicyType": "TargetTrackingScaling"}),
            ("ValidationError", scaling.set_instance_protection, {
                **group, "InstanceIds": ["i-0"], "ProtectedFromScaleIn": True}),
            ("ResourceInUse", scaling.delete_auto_scaling_group, group),
            ("InvalidNextToken", scaling.describe_auto_scaling_groups, {"NextToken": "x"}),
        ]:
            self.refused(code, call, **parameters)


if __name__ == "__main__":
    unittest.main()
