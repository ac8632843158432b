"""What the checks of the lab's clients share: clients that listen in on the wire, waiting, a service to look at."""

import os
import re
import socket
import time
import types
import urllib.request

import botocore.config
import botocore.session

import service_model

# The services that the lab's gateway answers itself, as botocore calls them.
OWN_SERVICES = ("elbv2", "cloudwatch", "ecs", "application-autoscaling", "autoscaling", "elasticbeanstalk", "logs", "codepipeline",
                "codebuild", "codedeploy", "sts")
# Each protocol in which CloudWatch's clients speak: boto3's first choice, and that of the SDK for Rust.
CLOUDWATCH_PROTOCOLS = ("json", "smithy-rpc-v2-cbor")
# Some operations of CloudWatch Logs have hosts of their own, which a loopback address cannot be the end of.
CONFIG = botocore.config.Config(
    connect_timeout=5, read_timeout=20, retries={"total_max_attempts": 1}, inject_host_prefix=False
)
VPC = "vpc-1ab00000"
SUBNETS = ["subnet-1ab00001", "subnet-1ab00002"]


class Clients:
    """Clients of the lab, whose answers from the lab's own services are all checked against the service's model."""

    def __init__(self, cloudwatch_protocol="json"):
        session = botocore.session.get_session()
        loader = session.get_component("data_loader")
        loader.load_service_model("cloudwatch", "service-2", api_version=None)["metadata"]["protocols"] = [
            cloudwatch_protocol
        ]
        self.answered = set()
        self._findings = {}
        self._session = session
        self._clients = {}

    def __getitem__(self, service):
        """The client of a service. Parameters go out as they are given: it is the lab that is to check them."""
        if service not in self._clients:
            client = self._session.create_client(
                service, config=CONFIG.merge(botocore.config.Config(parameter_validation=False))
            )
            if service in OWN_SERVICES:
                client.meta.events.register("before-parse", lambda **event: self._listen(service, **event))
            self._clients[service] = client
        return self._clients[service]

    def _listen(self, service, operation_model, response_dict, **_):
        headers = {name.lower(): value for name, value in response_dict["headers"].items()}
        status, body = response_dict["status_code"], response_dict["body"]
        protocol = operation_model.service_model.resolved_protocol
        if status < 300:
            self.answered.add((service, operation_model.name))
        for finding in service_model.check(operation_model, protocol, status, headers, body):
            # Each once, not for every element of a list.
            finding = re.sub(r"\[\d+\]", "[]", finding)
            self._findings[f"{service} {operation_model.name} ({protocol}): {finding}"] = service

    def report(self, service):
        """What was found in the answers of a service, a line for each finding."""
        return "\n".join(finding for finding, of in self._findings.items() if of == service)


def environment(name):
    return os.environ[name]


def wait_until(what, condition, within=30):
    """Gives the condition's first result that is true."""
    deadline = time.monotonic() + within
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {within} s")
        time.sleep(0.05)


def free_port(address):
    """A port that nobody listens on at a load balancer's address, which is no other's."""
    with socket.socket() as probe:
        probe.bind((address, 0))
        return probe.getsockname()[1]


def get(url):
    """Status and body of a request to a load balancer, without any proxy of the machine's."""
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=10) as answer:
        return answer.status, answer.read()


def target_group(elb, name, **settings):
    settings = {"Protocol": "HTTP", "Port": 8080, "VpcId": VPC, "TargetType": "ip", **settings}
    return elb.create_target_group(Name=name, **settings)["TargetGroups"][0]["TargetGroupArn"]


def forward(*weights):
    """A forward action to (target group, weight) pairs; a weight may be None."""
    tuples = [{"TargetGroupArn": arn, **({} if weight is None else {"Weight": weight})} for arn, weight in weights]
    return {"Type": "forward", "ForwardConfig": {"TargetGroups": tuples}}


def load_balanced_service(clients, name):
    """What a user of Teal has: a load balancer whose listener shares two target groups, and an ECS service in the first
    of them with two healthy tasks, scalable."""
    elb, ecs, scaling = clients["elbv2"], clients["ecs"], clients["application-autoscaling"]
    balancer = elb.create_load_balancer(Name=name, Subnets=SUBNETS)["LoadBalancers"][0]
    # Health checks of five lab seconds are not waited for long.
    blue, green = (
        target_group(elb, f"{name}-{colour}", HealthCheckPath="/health", HealthCheckIntervalSeconds=5,
                     HealthCheckTimeoutSeconds=2, HealthyThresholdCount=2)
        for colour in ("blue", "green")
    )
    port = free_port(balancer["DNSName"])
    listener = elb.create_listener(
        LoadBalancerArn=balancer["LoadBalancerArn"], Protocol="HTTP", Port=port,
        DefaultActions=[forward((blue, 100), (green, 0))],
    )["Listeners"][0]["ListenerArn"]
    cluster = ecs.create_cluster(clusterName=name, tags=[{"key": "team", "value": "shop"}])["cluster"]["clusterArn"]
    task_definition = ecs.register_task_definition(
        family=name, networkMode="awsvpc", cpu="256", memory="512", requiresCompatibilities=["FARGATE"],
        containerDefinitions=[{
            "name": "web", "image": "demo", "portMappings": [{"containerPort": 8080}],
            "logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": f"/ecs/{name}"}},
        }],
    )["taskDefinition"]["taskDefinitionArn"]
    service = ecs.create_service(
        cluster=cluster, serviceName=name, taskDefinition=task_definition, desiredCount=2, launchType="FARGATE",
        loadBalancers=[{"targetGroupArn": blue, "containerName": "web", "containerPort": 8080}],
        networkConfiguration={"awsvpcConfiguration": {"subnets": SUBNETS}},
    )["service"]["serviceArn"]
    scaling.register_scalable_target(MinCapacity=2, MaxCapacity=4, **scalable(name))

    def healthy():
        described = elb.describe_target_health(TargetGroupArn=blue)["TargetHealthDescriptions"]
        return [it["TargetHealth"]["State"] for it in described] == ["healthy", "healthy"]

    wait_until(f"two healthy targets of {name}", healthy)
    return types.SimpleNamespace(
        name=name, balancer=balancer["LoadBalancerArn"], address=balancer["DNSName"], listener=listener, blue=blue,
        green=green, url=f"http://{balancer['DNSName']}:{port}/", cluster=cluster, task_definition=task_definition,
        service=service,
    )


def scalable(name):
    """The members that name the service of `load_balanced_service` to Application Auto Scaling."""
    return {
        "ServiceNamespace": "ecs", "ResourceId": f"service/{name}/{name}",
        "ScalableDimension": "ecs:service:DesiredCount",
    }


def dimensions(stage, group=None):
    """The dimensions of the load balancer's metrics, or of those of one of its target groups."""
    found = [{"Name": "LoadBalancer", "Value": stage.balancer.split("loadbalancer/")[1]}]
    return found if group is None else [*found, {"Name": "TargetGroup", "Value": group.rsplit(":", 1)[1]}]


def lab_day():
    """Start and end (Unix seconds) of a stretch of lab time around all that a test does."""
    origin = int(environment("TEAL_LAB_CLOCK").split(":")[0]) // 1000
    return origin - 3_600, origin + 18 * 3_600
