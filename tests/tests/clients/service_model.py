"""Checks an answer, as it came over the wire, against botocore's model of the service.

botocore itself is lenient: it leaves out members that it does not know and never misses one. Other SDKs are not, so
every member is looked at here: its name, its type, whether it may be absent, the values and lengths that it may have.
"""

import base64
import binascii
import datetime
import json
import math
import re
import xml.etree.ElementTree as ElementTree

import cbor2

# The codes that any operation may answer without declaring them.
# Source: the page "Common Errors" of each API reference, and the protocols' own faults.
COMMON_ERRORS = {
    "AccessDenied", "AccessDeniedException", "InternalFailure", "InvalidAction", "SerializationException",
    "ServiceUnavailable", "Throttling", "ThrottlingException", "UnknownOperationException", "ValidationError",
    "ValidationException",
}
# Codes that a service's model tells of in its documentation alone, and those of its page "Common Errors".
TOLD_ERRORS = {"elasticbeanstalk": {"InvalidParameterValue", "MissingParameter"}}
# Timestamps on the lab clock, which starts at the wall's time, lie between these.
EARLIEST = datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone.utc)
LATEST = datetime.datetime(2100, 1, 1, tzinfo=datetime.timezone.utc)
ISO_8601 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
PYTHON_TYPES = {
    "string": str, "character": str, "boolean": bool, "integer": int, "long": int, "float": (int, float),
    "double": (int, float), "structure": dict, "map": dict, "list": list,
}


def check(operation, protocol, status, headers, body):
    """The findings about one answer, each with its path in the answer; none if it is as the model says.

    `operation` is a botocore OperationModel, `protocol` the one that the client spoke, `headers` have lower-case names.
    """
    findings = [] if headers.get("x-amzn-requestid") else ["x-amzn-requestid: the header is missing"]
    content_type = {"query": "text/xml", "smithy-rpc-v2-cbor": "application/cbor"}.get(protocol)
    content_type = content_type or f"application/x-amz-json-{operation.service_model.metadata.get('jsonVersion')}"
    if headers.get("content-type", "").split(";")[0] != content_type:
        findings.append(f"content-type: is {headers.get('content-type')}, not {content_type}")
    if protocol == "smithy-rpc-v2-cbor" and headers.get("smithy-protocol") != "rpc-v2-cbor":
        findings.append("smithy-protocol: the header is missing")
    try:
        check_body = check_output if status < 300 else check_error
        check_body(operation, protocol, status, headers, body, findings)
    except (ValueError, ElementTree.ParseError, cbor2.CBORDecodeError) as problem:
        findings.append(f"body: {problem}: {body[:200]!r}")
    return findings


def check_output(operation, protocol, _status, _headers, body, findings):
    shape = operation.output_shape
    if protocol == "query":
        root = ElementTree.fromstring(body)
        namespace = operation.service_model.metadata["xmlNamespace"]
        expect(findings, "body", root.tag, f"{{{namespace}}}{operation.name}Response")
        wrapper = shape.serialization.get("resultWrapper", f"{operation.name}Result") if shape else None
        names = [local(child) for child in root]
        expect(findings, local(root), names, [name for name in (wrapper, "ResponseMetadata") if name])
        value = from_xml(root[0], shape, "", findings) if shape and names[:1] == [wrapper] else {}
    else:
        value = document(protocol, body)
    if shape:
        check_value(value, shape, "", findings)
    elif value:
        findings.append(f"body: the operation has no output, but there is {value}")


def check_error(operation, protocol, status, headers, body, findings):
    if protocol == "query":
        error = next((child for child in ElementTree.fromstring(body) if local(child) == "Error"), None)
        if error is None:
            raise ValueError("there is no Error element")
        value = {local(child): child.text or "" for child in error}
        code = kind = value.pop("Code", None)
        expect(findings, "Type", value.pop("Type", None), "Sender" if status < 500 else "Receiver")
    else:
        value = document(protocol, body)
        kind = code = value.pop("__type", "").rsplit("#")[-1]
        if operation.service_model.metadata.get("awsQueryCompatible") is not None:
            code, _, blame = headers.get("x-amzn-query-error", "").partition(";")
            expect(findings, "x-amzn-query-error", blame, "Sender" if status < 500 else "Receiver")
    if not any(value.get(name) for name in ("message", "Message")):
        findings.append(f"{code}: the message is missing")
    shapes = [shape for shape in operation.error_shapes if (protocol == "query") or shape.name == kind]
    shape = next((shape for shape in shapes if shape.error_code == code), None)
    if shape is None:
        told = TOLD_ERRORS.get(operation.service_model.service_name, set())
        if code not in COMMON_ERRORS | told or status >= 500:
            declared = ", ".join(shape.error_code for shape in operation.error_shapes)
            findings.append(f"{kind}, {code}, {status}: is not an error of this operation ({declared})")
        return
    # Errors of the Query protocol all have a Message, which the models seldom say.
    value = {name: it for name, it in value.items() if name.lower() != "message" or name in shape.members}
    check_value(value, shape, kind, findings)
    declared_status = shape.metadata.get("error", {}).get("httpStatusCode", 400)
    expect(findings, f"{kind}: HTTP status", status, declared_status)


def document(protocol, body):
    value = {}
    if body:
        value = cbor2.loads(body) if protocol == "smithy-rpc-v2-cbor" else json.loads(body)
    if not isinstance(value, dict):
        raise ValueError("is not a document")
    return value


def from_xml(node, shape, path, findings):
    """An element as the value that JSON would have; what does not fit the model stays text."""
    if shape.type_name == "structure":
        members = {it.serialization.get("name", name): (name, it) for name, it in shape.members.items()}
        value = {}
        for child in node:
            name, member = members.get(local(child), (local(child), None))
            if name in value:
                findings.append(f"{path}.{name}: is there twice")
            value[name] = child.text if member is None else from_xml(child, member, f"{path}.{name}", findings)
        return value
    if shape.type_name == "list":
        wanted = shape.member.serialization.get("name", "member")
        for child in node:
            expect(findings, path, local(child), wanted)
        return [from_xml(child, shape.member, f"{path}[{index}]", findings) for index, child in enumerate(node)]
    if shape.type_name == "map":
        entries = [{local(part): part for part in entry} for entry in node]
        return {it["key"].text: from_xml(it["value"], shape.value, path, findings) for it in entries}
    text = node.text or ""
    if shape.type_name == "boolean":
        return {"true": True, "false": False}.get(text, text)
    if shape.type_name in ("integer", "long", "float", "double"):
        number = int if shape.type_name in ("integer", "long") else float
        try:
            return number(text)
        except ValueError:
            return text
    if shape.type_name == "timestamp" and ISO_8601.fullmatch(text):
        return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    return text


def check_value(value, shape, path, findings):
    kind = shape.type_name
    place = path.lstrip(".") or "answer"
    if kind == "timestamp":
        return check_timestamp(value, place, findings)
    if kind == "blob":
        return check_blob(value, place, findings)
    # Python's booleans are integers as well.
    if not isinstance(value, PYTHON_TYPES[kind]) or (kind != "boolean" and isinstance(value, bool)):
        return findings.append(f"{place}: {value!r} is not of type {kind}")
    if kind == "structure" and shape.is_document_type:
        return  # Whatever somebody put into it.
    if kind == "structure":
        for name in value.keys() - shape.members.keys():
            findings.append(f"{place}: the model has no member {name}")
        for name in set(shape.required_members) - value.keys():
            findings.append(f"{place}: the required member {name} is missing")
        for name in value.keys() & shape.members.keys():
            check_value(value[name], shape.members[name], f"{path}.{name}", findings)
    elif kind == "map":
        for name, item in value.items():
            check_value(name, shape.key, f"{path}.{name}", findings)
            check_value(item, shape.value, f"{path}.{name}", findings)
    elif kind == "list":
        for index, item in enumerate(value):
            check_value(item, shape.member, f"{path}[{index}]", findings)
    if kind == "string" and shape.enum and value not in shape.enum:
        findings.append(f"{place}: {value!r} is not one of {', '.join(shape.enum)}")
    check_range(value, shape, place, findings)


def check_range(value, shape, place, findings):
    size = len(value) if isinstance(value, (str, list, dict)) else value
    if shape.metadata.get("min", -math.inf) > size or size > shape.metadata.get("max", math.inf):
        limits = f"{shape.metadata.get('min')} to {shape.metadata.get('max')}"
        findings.append(f"{place}: {value!r} is not within the limits {limits}")


def check_timestamp(value, place, findings):
    seconds = value.timestamp() if isinstance(value, datetime.datetime) else value
    of_our_time = isinstance(seconds, (int, float)) and EARLIEST.timestamp() < seconds < LATEST.timestamp()
    if not of_our_time:
        findings.append(f"{place}: {value!r} is not a timestamp of our time")


def check_blob(value, place, findings):
    try:
        _ = value if isinstance(value, bytes) else base64.b64decode(value, validate=True)
    except (TypeError, binascii.Error):
        findings.append(f"{place}: {value!r} is not a blob")


def expect(findings, place, found, wanted):
    if found != wanted:
        findings.append(f"{place}: is {found}, not {wanted}")


def local(node):
    return node.tag.rpartition("}")[2]
