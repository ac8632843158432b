"""Elastic Load Balancing: every operation, good and bad, against the service's model."""

import unittest

from lab_clients import SUBNETS, VPC, forward, free_port, target_group, wait_until
from served_operations import TAGS, ServedOperations

ZEROS = "0" * 16


class ElasticLoadBalancing(ServedOperations):
    name = "elb"

    def test_every_operation(self):
        elb = self.clients["elbv2"]
        balancer = elb.create_load_balancer(
            Name="elb-more", Subnets=SUBNETS, SecurityGroups=["sg-1ab00001"], Scheme="internal", Tags=TAGS
        )["LoadBalancers"][0]
        arn, address = balancer["LoadBalancerArn"], balancer["DNSName"]
        one, two = (target_group(elb, f"elb-more-{number}", Tags=TAGS) for number in "12")
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
        self.flows(elb)
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

    def flows(self, elb):
        """A Network Load Balancer: every protocol, groups by weight, and what only Application Load Balancers do."""
        balancer = elb.create_load_balancer(Name="elb-flows", Type="network", Subnets=SUBNETS[:1])["LoadBalancers"][0]
        arn, address = balancer["LoadBalancerArn"], balancer["DNSName"]
        self.assertEqual(balancer["Type"], "network")
        certificate = [{"CertificateArn": "arn:aws:acm:us-east-1:000000000000:certificate/1"}]
        for protocol in ["TCP", "TLS", "UDP", "TCP_UDP"]:
            checks = {} if protocol == "TCP" else {"HealthCheckProtocol": "HTTP"}
            pair = [
                target_group(elb, f"elb-{protocol.replace('_', '-')}-{n}", Protocol=protocol, **checks) for n in "12"
            ]
            listener = elb.create_listener(
                LoadBalancerArn=arn, Protocol=protocol, Port=free_port(address),
                Certificates=certificate if protocol == "TLS" else [],
                DefaultActions=[forward((pair[0], 100), (pair[1], 0))],
            )["Listeners"][0]["ListenerArn"]
            elb.modify_listener(ListenerArn=listener, DefaultActions=[forward((pair[0], 1), (pair[1], 999))])
            elb.modify_target_group_attributes(TargetGroupArn=pair[0], Attributes=[
                {"Key": "deregistration_delay.connection_termination.enabled", "Value": "true"},
                {"Key": "stickiness.enabled", "Value": "true"}])
        elb.describe_listeners(LoadBalancerArn=arn)
        elb.describe_rules(ListenerArn=listener)
        elb.describe_target_groups(LoadBalancerArn=arn)
        elb.describe_load_balancer_attributes(LoadBalancerArn=arn)
        sticky = forward((pair[0], 1))
        sticky["ForwardConfig"]["TargetGroupStickinessConfig"] = {"Enabled": True, "DurationSeconds": 60}
        fixed = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}
        requests = target_group(elb, "elb-requests")
        for code, call, parameters in [
            ("ValidationError", elb.modify_listener, {"ListenerArn": listener, "DefaultActions": [sticky]}),
            ("InvalidLoadBalancerAction", elb.modify_listener, {"ListenerArn": listener, "DefaultActions": [fixed]}),
            ("IncompatibleProtocols", elb.modify_listener, {
                "ListenerArn": listener, "DefaultActions": [forward((requests, 1))]}),
            ("UnsupportedProtocol", elb.modify_listener, {"ListenerArn": listener, "Protocol": "HTTP"}),
            ("ValidationError", elb.create_rule, {
                "ListenerArn": listener, "Priority": 1, "Actions": [forward((pair[0], 1))],
                "Conditions": [{"Field": "path-pattern", "Values": ["/"]}]}),
            ("ValidationError", elb.modify_target_group_attributes, {
                "TargetGroupArn": pair[0], "Attributes": [{"Key": "stickiness.type", "Value": "lb_cookie"}]}),
        ]:
            self.refused(code, call, **parameters)
        elb.delete_load_balancer(LoadBalancerArn=arn)

    def load_balancing_refusals(self, elb, balancer, listener, group):
        present = {"load balancer": balancer, "listener": listener, "group": group}
        gone = {kind: arn[:-16] + ZEROS for kind, arn in present.items()}
        no_targets = {"TargetGroupArn": gone["group"], "Targets": [{"Id": "127.0.0.1"}]}
        default = elb.describe_rules(ListenerArn=listener)["Rules"][-1]["RuleArn"]
        port = elb.describe_listeners(ListenerArns=[listener])["Listeners"][0]["Port"]
        fixed = [{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}]
        new = {"LoadBalancerArn": balancer, "Protocol": "HTTP", "Port": port, "DefaultActions": fixed}
        key = {"TagKeys": ["more"]}
        for code, call, parameters in [
            ("DuplicateLoadBalancerName", elb.create_load_balancer, {"Name": "elb-more", "Subnets": SUBNETS}),
            ("DuplicateTargetGroupName", elb.create_target_group, {
                "Name": "elb-more-1", "Protocol": "HTTP", "Port": 1, "VpcId": VPC}),
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
            ("TargetGroupNotFound", elb.register_targets, no_targets),
            ("TargetGroupNotFound", elb.deregister_targets, no_targets),
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


if __name__ == "__main__":
    unittest.main()
