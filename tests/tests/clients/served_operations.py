"""Every operation that the lab's gateway answers itself is called, and each answer is checked as it came over the wire
against the service's model: of the operation's success, and of what it refuses.

What is served is found out by asking: every operation of the model is called without parameters. So one that is served
but not called here, or not listed in docs/lab.md, is a failure, too.
"""

import pathlib
import re
import unittest

import botocore
from botocore.exceptions import ClientError

from lab_clients import Clients, load_balanced_service

DOCUMENT = pathlib.Path(__file__).parents[3] / "docs/lab.md"
NOT_SERVED = ("InvalidAction", "UnknownOperationException")
TAGS = [{"Key": "team", "Value": "shop"}]


class ServedOperations(unittest.TestCase):
    """What the tests of the services share. `name` is that of the resources, each class's its own."""

    maxDiff = None
    name = None

    @classmethod
    def setUpClass(cls):
        cls.clients = Clients()
        cls.stage = load_balanced_service(cls.clients, cls.name)

    def refused(self, code, call, **parameters):
        with self.assertRaises(ClientError, msg=f"{call} with {parameters}") as caught:
            call(**parameters)
        self.assertEqual(caught.exception.response["Error"]["Code"], code, caught.exception)

    def served(self, service):
        """The operations of a service's model that the lab does not say it does not have."""
        client = self.clients[service]
        served = set()
        for operation in client.meta.service_model.operation_names:
            try:
                getattr(client, botocore.xform_name(operation))()
                served.add(operation)
            except ClientError as refusal:
                if refusal.response["Error"]["Code"] not in NOT_SERVED:
                    served.add(operation)
        return served

    def every_answer_fits(self, service):
        called = {operation for of, operation in self.clients.answered if of == service}
        served = self.served(service)
        findings = self.clients.report(service)
        self.assertFalse(findings, f"what the model says otherwise:\n{findings}")
        self.assertEqual(served, called, "operations that are served, and those that answered here")
        self.assertEqual(sorted(served), documented(service), f"what {DOCUMENT.name} lists of {service}")


def documented(service):
    """The operations that the documentation lists in the service's row."""
    row = re.search(rf"^\| [^|]+ \(`{service}`\) \|(.*)\|$", DOCUMENT.read_text(), re.MULTILINE)
    return sorted(re.findall(r"\w+", row.group(1))) if row else []
