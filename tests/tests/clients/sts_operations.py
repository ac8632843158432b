"""STS: a role of the second account is assumed with its external id, against the service's model. What else STS has is not the gateway's."""

import unittest

import botocore.session
from botocore.exceptions import ClientError

from lab_clients import CONFIG, SUBNETS, Clients, environment

ROLE = environment("TEAL_TEST_ROLE")
SESSION = {"RoleArn": ROLE, "RoleSessionName": "r-1"}
OTHER = ROLE.split(":")[4]


class Sts(unittest.TestCase):
    def setUp(self):
        self.clients = Clients()
        self.sts = self.clients["sts"]

    def denied(self, call, **parameters):
        with self.assertRaises(ClientError, msg=f"{call} with {parameters}") as caught:
            call(**parameters)
        self.assertEqual(caught.exception.response["Error"]["Code"], "AccessDenied", caught.exception)

    def test_a_session_sees_its_own_account_and_may_do_what_the_role_may(self):
        balancer = self.clients["elbv2"].create_load_balancer(Name="sts", Subnets=SUBNETS)["LoadBalancers"][0]
        assumed = self.sts.assume_role(**SESSION, ExternalId="teal-7f3c", DurationSeconds=900)
        self.assertEqual(assumed["AssumedRoleUser"]["Arn"], f"arn:aws:sts::{OTHER}:assumed-role/{ROLE.split('/')[-1]}/r-1")
        keys = assumed["Credentials"]
        elsewhere = botocore.session.get_session().create_client(
            "elbv2", config=CONFIG, aws_access_key_id=keys["AccessKeyId"],
            aws_secret_access_key=keys["SecretAccessKey"], aws_session_token=keys["SessionToken"],
        )
        seen = elsewhere.describe_load_balancers(Names=["sts"])["LoadBalancers"][0]["LoadBalancerArn"]
        self.assertEqual(seen.split(":")[4], OTHER)
        self.assertEqual(seen.split(":")[5], balancer["LoadBalancerArn"].split(":")[5])
        self.denied(elsewhere.delete_load_balancer, LoadBalancerArn=seen)
        self.fits()

    def test_nobody_else_is_let_in(self):
        self.denied(self.sts.assume_role, **SESSION)
        self.denied(self.sts.assume_role, **SESSION, ExternalId="teal-of-somebody-else")
        self.denied(self.sts.assume_role, **{**SESSION, "RoleArn": ROLE + "-2"}, ExternalId="teal-7f3c")
        self.fits()

    def fits(self):
        findings = self.clients.report("sts")
        self.assertFalse(findings, f"what the model says otherwise:\n{findings}")


if __name__ == "__main__":
    unittest.main()
