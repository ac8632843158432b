"""Elastic Beanstalk: every operation, good and bad, against the service's model."""

import base64
import unittest

from lab_clients import wait_until
from served_operations import ServedOperations


class Beanstalk(ServedOperations):
    name = "eb"

    def test_every_operation(self):
        beanstalk = self.clients["elasticbeanstalk"]
        shop = {"ApplicationName": "shop"}
        for label in ["v1", "v2"]:
            script = base64.b64encode(f"export TEAL_DEMO_VERSION='{label}'\n".encode()).decode()
            beanstalk.create_application_version(
                **shop, VersionLabel=label, SourceBundle={"S3Bucket": "lab", "S3Key": f"lab/{script}"})
        found = beanstalk.describe_application_versions(**shop, VersionLabels=["v2"])["ApplicationVersions"]
        self.assertEqual([version["VersionLabel"] for version in found], ["v2"])
        options = [("aws:autoscaling:asg", "MinSize", "1"),
                   ("aws:elasticbeanstalk:environment:process:default", "HealthCheckPath", "/health")]
        first = beanstalk.create_environment(
            **shop, EnvironmentName="shop-a", CNAMEPrefix="shop", VersionLabel="v1",
            OperationsRole="arn:aws:iam::000000000000:role/operations", OptionSettings=[
                {"Namespace": namespace, "OptionName": name, "Value": value} for namespace, name, value in options])
        self.assertEqual((first["Status"], first["Health"]), ("Launching", "Grey"))
        self.refused("InvalidParameterValue", beanstalk.terminate_environment, EnvironmentName="shop-a")

        def described(name):
            return (beanstalk.describe_environments(EnvironmentNames=[name])["Environments"] or [None])[0]

        def ready(name):
            wait_until(f"{name} being ready and green", lambda: [
                described(name)[member] for member in ("Status", "Health")] == ["Ready", "Green"])

        ready("shop-a")
        template = {**shop, "TemplateName": "like-a"}
        beanstalk.create_configuration_template(**template, EnvironmentId=first["EnvironmentId"])
        beanstalk.create_environment(**shop, EnvironmentName="shop-b", VersionLabel="v1", TemplateName="like-a")
        beanstalk.delete_configuration_template(**template)
        pair = {"SourceEnvironmentName": "shop-a", "DestinationEnvironmentName": "shop-b"}
        self.refused("InvalidParameterValue", beanstalk.swap_environment_cnames, **pair)
        ready("shop-b")
        settings = beanstalk.describe_configuration_settings(**shop, EnvironmentName="shop-b")["ConfigurationSettings"]
        self.assertIn("MinSize", [option["OptionName"] for option in settings[0]["OptionSettings"]])
        parts = beanstalk.describe_environment_resources(EnvironmentName="shop-b")["EnvironmentResources"]
        self.assertEqual([len(parts[kind]) for kind in ("AutoScalingGroups", "Instances", "LoadBalancers")], [1, 1, 1])

        beanstalk.swap_environment_cnames(**pair)
        self.refused("InvalidParameterValue", beanstalk.swap_environment_cnames, **pair)
        ready("shop-b")
        self.assertEqual(described("shop-b")["CNAME"], first["CNAME"])
        beanstalk.update_environment(EnvironmentName="shop-a", VersionLabel="v2")
        ready("shop-a")
        self.assertEqual(described("shop-a")["VersionLabel"], "v2")
        events = beanstalk.describe_events(EnvironmentName="shop-a", Severity="INFO")["Events"]
        self.assertIn("Completed swapping", " ".join(event["Message"] for event in events))
        for code, call, parameters in [
            ("InvalidParameterValue", beanstalk.create_environment, {
                **shop, "EnvironmentName": "shop-a", "VersionLabel": "v1"}),
            ("InvalidParameterValue", beanstalk.create_environment, {
                **shop, "EnvironmentName": "shop-c", "VersionLabel": "v9"}),
            ("InvalidParameterValue", beanstalk.create_application_version, {**shop, "VersionLabel": "v1"}),
            ("InvalidParameterValue", beanstalk.delete_configuration_template, template),
            ("InvalidParameterValue", beanstalk.describe_environment_resources, {"EnvironmentName": "gone"}),
        ]:
            self.refused(code, call, **parameters)
        for name in ["shop-a", "shop-b"]:
            beanstalk.terminate_environment(EnvironmentName=name)
        wait_until("both being gone", lambda: not described("shop-a") and not described("shop-b"))
        self.every_answer_fits("elasticbeanstalk")


if __name__ == "__main__":
    unittest.main()
