"""Whether the check of answers finds what is wrong with one."""

import json
import unittest

import botocore.session
import cbor2

import service_model

SESSION = botocore.session.get_session()
HEADERS = {"x-amzn-requestid": "1"}
NAMESPACE = "http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/"
XML = f'<{{0}}Response xmlns="{NAMESPACE}">{{1}}<ResponseMetadata/></{{0}}Response>'


def operation(service, name):
    return SESSION.get_service_model(service).operation_model(name)


def of_ecs(name, document, status=200):
    headers = HEADERS | {"content-type": "application/x-amz-json-1.1"}
    return service_model.check(operation("ecs", name), "json", status, headers, json.dumps(document).encode())


def of_elb(name, result, status=200):
    body = XML.format(name, f"<{name}Result>{result}</{name}Result>") if status == 200 else result
    return service_model.check(operation("elbv2", name), "query", status, HEADERS | {"content-type": "text/xml"}, body)


class Findings(unittest.TestCase):
    def test_what_the_model_says_has_none(self):
        self.assertEqual(of_ecs("ListClusters", {"clusterArns": ["arn"], "nextToken": "n"}), [])
        group = "<TargetGroups><member><Port>80</Port><Protocol>HTTP</Protocol></member></TargetGroups>"
        self.assertEqual(of_elb("DescribeTargetGroups", group), [])

    def test_members(self):
        for document, finding in [
            ({"clusters": [{"status": "ACTIVE", "colour": 1}]}, "clusters[0]: the model has no member colour"),
            ({"clusters": [{"status": 7}]}, "clusters[0].status: 7 is not of type string"),
            ({"clusters": [{"status": None}]}, "clusters[0].status: None is not of type string"),
            ({"clusters": [{"runningTasksCount": True}]}, "clusters[0].runningTasksCount: True is not of type integer"),
            ({"clusters": {}}, "clusters: {} is not of type list"),
        ]:
            self.assertEqual(of_ecs("DescribeClusters", document), [finding])
        [finding] = of_ecs("DescribeServices", {"services": [{"launchType": "BALLOON"}]})
        self.assertIn("services[0].launchType: 'BALLOON' is not one of EC2", finding)
        [finding] = of_ecs("DescribeServices", {"services": [{"createdAt": 1_700_000_000_000}]})
        self.assertIn("services[0].createdAt", finding)

    def test_xml(self):
        for result, finding in [
            ("<TargetGroups><item/></TargetGroups>", "TargetGroups: is item, not member"),
            ("<TargetGroups><member><Port>eighty</Port></member></TargetGroups>",
             "TargetGroups[0].Port: 'eighty' is not of type integer"),
            ("<NextMarker>a</NextMarker><NextMarker>b</NextMarker>", ".NextMarker: is there twice"),
        ]:
            self.assertEqual([it.lstrip(".") for it in of_elb("DescribeTargetGroups", result)], [finding.lstrip(".")])

    def test_errors(self):
        self.assertEqual(of_ecs("ListServices", {"__type": "ClusterNotFoundException", "message": "m"}, 400), [])
        for document, status, finding in [
            ({"__type": "ClusterNotFoundException"}, 400, "the message is missing"),
            ({"__type": "ClusterNotFoundException", "message": "m"}, 404, "HTTP status: is 404, not 400"),
            ({"__type": "NoSuchThing", "message": "m"}, 400, "is not an error of this operation"),
        ]:
            [found] = of_ecs("ListServices", document, status)
            self.assertIn(finding, found)
        error = "<ErrorResponse><Error><Type>Sender</Type><Code>{}</Code><Message>m</Message></Error></ErrorResponse>"
        self.assertEqual(of_elb("DescribeRules", error.format("RuleNotFound"), 400), [])
        self.assertEqual(len(of_elb("DescribeRules", error.format("DuplicateListener"), 400)), 1)

    def test_the_code_of_the_query_protocol_and_the_shape_agree(self):
        def of_cloudwatch(kind, code):
            headers = HEADERS | {"content-type": "application/cbor", "smithy-protocol": "rpc-v2-cbor",
                                 "x-amzn-query-error": f"{code};Sender"}
            body = cbor2.dumps({"__type": f"com.amazonaws.cloudwatch#{kind}", "message": "m"})
            get_dashboard = operation("cloudwatch", "GetDashboard")
            return service_model.check(get_dashboard, "smithy-rpc-v2-cbor", 404, headers, body)

        self.assertEqual(of_cloudwatch("DashboardNotFoundError", "ResourceNotFound"), [])
        self.assertNotEqual(of_cloudwatch("ResourceNotFound", "ResourceNotFound"), [])

    def test_what_cannot_be_read(self):
        [finding] = of_elb("DescribeRules", "<Rules>")
        self.assertTrue(finding.startswith("body: "), finding)


if __name__ == "__main__":
    unittest.main()
