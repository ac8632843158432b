"""The step ShiftTraffic in Python and boto3: what `cargo lab measure` compares the function shift-traffic with.

It makes the same AWS calls in the same order (the command checks that) and leaves the same record and route. It is written as AWS
advises for Python functions: clients are made once, before the first event. Only what the measured release needs is there: one
listener, no retries of lost writes, no logs.

A custom runtime, so that both are driven alike: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

import http.client
import json
import os
import time
import uuid
from datetime import datetime, timedelta, timezone

import boto3

TABLE = os.environ["TEAL_TABLE"]
BUS = os.environ.get("TEAL_EVENT_BUS") or "default"
# The lab's clock: `<Unix milliseconds at its start>:<scale>`.
ORIGIN_MILLIS, SCALE = os.environ.get("TEAL_LAB_CLOCK", "0:1").split(":")
# How long after its deadline a run counts as still able to act.
ACT_MARGIN_MILLIS = 2000

dynamodb = boto3.client("dynamodb")
elb = boto3.client("elbv2")
events = boto3.client("events")


class StepError(Exception):
    """Why the step cannot go on; the name is Teal's name of the error."""

    def __init__(self, name, message):
        super().__init__(message)
        self.name = name


def lab_time(wall_millis):
    origin = float(ORIGIN_MILLIS)
    seconds = (origin + (wall_millis - origin) * float(SCALE)) / 1000
    return datetime.fromtimestamp(0, timezone.utc) + timedelta(seconds=seconds)


def rfc3339(at):
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def permille(share):
    return round(float(share.rstrip("%")) * 10)


def load(release):
    key = {"pk": {"S": f"release#{release}"}, "sk": {"S": "record"}}
    item = dynamodb.get_item(TableName=TABLE, Key=key, ConsistentRead=True).get("Item")
    if item is None:
        raise StepError("Teal.ReleaseUnknown", f"no release {release} is on record")
    return item, json.loads(item["doc"]["S"])


def save(item, record, story=()):
    """Writes the record over the revision that was read, with the lines of its story, all or nothing."""
    read = record["revision"]
    record["revision"] = read + 1
    phase = record["phase"]
    stage = f" (stage {phase['stage'] + 1})" if "stage" in phase else ""
    summary = {
        "id": record["id"],
        "service": record["plan"]["service"],
        "version": record["plan"]["version"],
        "phase": phase,
        "startedAt": record["startedAt"],
        "greenShare": record["greenShare"],
    }
    item = item | {
        "doc": {"S": json.dumps(record, separators=(",", ":"))},
        "summary": {"S": json.dumps(summary, separators=(",", ":"))},
        "revision": {"N": str(record["revision"])},
        "writer": {"S": uuid.uuid4().hex},
        "phase": {"S": phase["name"] + stage},
        "greenShare": {"S": record["greenShare"]},
    }
    put = {
        "TableName": TABLE,
        "Item": item,
        "ConditionExpression": "#revision = :read",
        "ExpressionAttributeNames": {"#revision": "revision"},
        "ExpressionAttributeValues": {":read": {"N": str(read)}},
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }
    writes = [{"Put": put}]
    for number, entry in enumerate(story):
        line = {
            "pk": item["pk"],
            "sk": {"S": f"story#{record['revision']:08}#{number:03}"},
            "entry": {"S": json.dumps(entry, separators=(",", ":"))},
        }
        writes.append({"Put": {"TableName": TABLE, "Item": line}})
    dynamodb.transact_write_items(TransactItems=writes, ClientRequestToken=uuid.uuid4().hex)
    return item


def require_healthy(group):
    described = elb.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
    if not any(target["TargetHealth"]["State"] == "healthy" for target in described):
        raise StepError("Teal.GreenNotHealthy", f"target group {group} has no healthy target")


def read_actions(listener):
    return elb.describe_listeners(ListenerArns=[listener])["Listeners"][0]["DefaultActions"]


def weights(actions):
    groups = (group for action in actions for group in action.get("ForwardConfig", {}).get("TargetGroups", []))
    return {group["TargetGroupArn"]: group["Weight"] for group in groups}


def weights_on_record(actions):
    groups = (group for action in actions for group in action.get("forward", {}).get("groups", []))
    return {group["targetGroup"]: group["weight"] for group in groups}


def with_weights(actions, wanted):
    """The whole action list, with the two weights changed and nothing else."""
    for action in actions:
        if action["Type"] == "forward":
            # ELB takes it only beside a single group.
            action.pop("TargetGroupArn", None)
            for group in action["ForwardConfig"]["TargetGroups"]:
                group["Weight"] = wanted[group["TargetGroupArn"]]
    return actions


def shift_traffic(event, request_id, deadline_millis):
    item, record = load(event["release"])
    if record["phase"]["name"] != "ShiftTraffic":
        raise StepError("Teal.IllegalTransition", f"the release is in phase {record['phase']['name']}")
    now = rfc3339(lab_time(time.time() * 1000))
    stage = record["phase"]["stage"]
    share = record["timeline"]["stages"][stage]["weight"]
    blue, green = record["colours"]["blue"], record["colours"]["green"]
    part = record["route"][0]
    listener = part["part"]["listener"]
    wanted = {green: permille(share), blue: 1000 - permille(share)}

    require_healthy(green)
    require_healthy(blue)
    found = read_actions(listener)
    if weights(found) not in (weights_on_record(part["expected"]), wanted):
        raise StepError("Teal.RouteChanged", f"{listener} has the weights {weights(found)}")

    intent = {
        "invocation": request_id,
        "act": {"shift": {"share": share}},
        "actBy": rfc3339(lab_time(deadline_millis + ACT_MARGIN_MILLIS)),
    }
    record["intents"].append(intent)
    item = save(item, record)

    elb.modify_listener(ListenerArn=listener, DefaultActions=with_weights(found, wanted))
    if weights(read_actions(listener)) != wanted:
        raise StepError("Teal.RouteNotSettled", f"{listener} reads back otherwise than it was written")
    require_healthy(green)

    for action in part["expected"]:
        for group in action.get("forward", {}).get("groups", []):
            group["weight"] = wanted[group["targetGroup"]]
    record["intents"].remove(intent)
    record["greenShare"] = share
    record["shiftedAt"] = now
    record["phase"] = {"name": "Bake", "stage": stage}
    record["phaseSince"] = now
    record["announced"] += 1
    announcement = {
        "id": f"{record['id']}-{record['announced']}",
        "release": record["id"],
        "service": record["plan"]["service"],
        "version": record["plan"]["version"],
        "at": now,
        "state": "Bake",
        "greenShare": share,
    }
    record["outbox"].append(announcement)
    facts = [
        {"what": "shifted", "part": f"listener {listener}", "share": share},
        {"what": "entered", "phase": record["phase"]},
    ]
    item = save(item, record, [{"at": now, "by": "shift-traffic", "fact": fact} for fact in facts])

    entry = {
        "Time": datetime.fromisoformat(now.replace("Z", "+00:00")),
        "Source": "teal",
        "DetailType": "Teal Release Phase Change",
        "Detail": json.dumps(announcement, separators=(",", ":")),
        "EventBusName": BUS,
    }
    if events.put_events(Entries=[entry])["FailedEntryCount"] == 0:
        record["outbox"] = []
        save(item, record)
    return {"release": record["id"], "step": stage, "next": "Bake"}


def serve():
    """Takes events from the runtime API one by one, as long as there is one."""
    api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
    invocation = "/2018-06-01/runtime/invocation"
    while True:
        api.request("GET", f"{invocation}/next")
        answer = api.getresponse()
        event = json.loads(answer.read())
        request_id = answer.headers["Lambda-Runtime-Aws-Request-Id"]
        deadline_millis = int(answer.headers["Lambda-Runtime-Deadline-Ms"])
        try:
            kind, body = "response", shift_traffic(event, request_id, deadline_millis)
        except Exception as error:  # Everything becomes an error of the function, as in Lambda's own runtime.
            name = getattr(error, "name", type(error).__name__)
            kind, body = "error", {"errorType": name, "errorMessage": str(error)}
        api.request("POST", f"{invocation}/{request_id}/{kind}", json.dumps(body), {"Content-Type": "application/json"})
        api.getresponse().read()


if __name__ == "__main__":
    serve()
