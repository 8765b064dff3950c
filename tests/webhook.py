#!/usr/bin/env python3
"""Tests what hosts paste for webhooks: the templates and commands of docs/events.md, and the receiver of docs/development.md.

    SAM_TOOLS=<directory with aws-sam-cli and cfn-lint> python3 tests/webhook.py

Everything is taken from the pages as it stands there. It stops at the first failure, with a sentence and exit status 1.
"""

import http.client
import http.server
import json
import os
import subprocess
import sys
import tempfile
import textwrap
import threading
import urllib.error
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

from caller import check, step, until
from pages import block
from service import ROOT, Failed
from webhook_receiver import DocumentedReceiver

# What the transform AWS::Serverless-2016-10-31 does. The linter alone accepts unknown properties of events.
TRANSFORM = """
import sys
from samcli.yamlhelper import parse_yaml_file
from samtranslator.translator.transform import transform
transform(parse_yaml_file(sys.argv[1]), {}, lambda: {})
"""
# Stands in for the AWS CLI: the queue is a file with a list of messages. A message that was received is invisible.
AWS = """#!{python}
import json, os, sys
from pathlib import Path
service, operation, *arguments = sys.argv[1:]
given = dict(zip(arguments[::2], arguments[1::2]))
path = Path(os.environ["QUEUE_FILE"])
queue = json.loads(path.read_text())
assert service == "sqs" and given["--queue-url"] == "https://sqs.example/queue", sys.argv
if operation == "receive-message":
    assert (given["--query"], given["--output"]) == ("Messages[0]", "json"), sys.argv
    message = next((message for message in queue if not message["received"]), None)
    if message:
        message["received"] = True
    print(json.dumps(message, indent=4))
else:
    assert operation == "delete-message", sys.argv
    queue = [message for message in queue if message["ReceiptHandle"] != given["--receipt-handle"]]
path.write_text(json.dumps(queue))
"""


def event(number: int, reason: str = "") -> dict:
    """The payload of an event."""
    invitation = {"id": "01A207381D2A72D1B1C72BF82EDCB8C8", "roleID": "read-only", "delivery": {"reason": reason}}
    return {"id": f"{invitation['id']}-{number}", "sequence": number, "type": "accepted", "invitation": invitation}


def problem(template: str, directory: Path) -> str | None:
    """Transforms the template as CloudFormation does, and lints it like `make test-template`. Returns what is wrong."""
    path = directory / "template.yaml"
    path.write_text(template)
    tools = os.environ.get("SAM_TOOLS", str(ROOT / ".local/tools/sam"))
    environment = {**os.environ, "PYTHONPATH": tools, "SAM_CLI_TELEMETRY": "0", "AWS_DEFAULT_REGION": "us-east-1"}
    for arguments in (["-c", TRANSFORM, str(path)], ["-m", "samcli", "validate", "--lint", "--template-file", str(path)]):
        run = subprocess.run([sys.executable, *arguments], cwd=directory, env=environment, capture_output=True, text=True)
        if run.returncode != 0:
            return run.stdout + run.stderr
    return None


def templates(directory: Path) -> None:
    step("the template of the webhook and the function that grants a membership are valid")
    webhook = block("events.md", "## Webhook", "yaml")
    resource = textwrap.indent(block("events.md", "## Granting a membership", "yaml"), "  ")
    # As `sam package` does.
    resource = resource.replace("CodeUri: grant/", "CodeUri: s3://bucket/grant.zip")
    function = (
        'AWSTemplateFormatVersion: "2010-09-09"\nTransform: AWS::Serverless-2016-10-31\n'
        f"Parameters:\n  InvitationsBus: {{ Type: String }}\nResources:\n{resource}"
    )
    for template in (webhook, function):
        check((found := problem(template, directory)) is None, "It must be valid.", found, template)

    step("a mistake in either would be found")
    for template, right, wrong in (
        (webhook, "MaximumRetryAttempts: 185", "MaximumRetryAttempts: 186"),
        (webhook, "!GetAtt WebhookRole.Arn", "!GetAtt WebhookRoles.Arn"),
        (function, "InputPath:", "InputPaths:"),
    ):
        check(template.count(right) == 1, f"It must contain {right} once.", template)
        check(problem(template.replace(right, wrong), directory), f"With {wrong} it must be invalid.")


class Receiver(http.server.BaseHTTPRequestHandler):
    """Records requests, and answers with the statuses of the server, then with 204."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.received.append((self.path, dict(self.headers.items()), json.loads(body)))
        self.send_response(self.server.statuses.pop(0) if self.server.statuses else 204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def receiver(*statuses: int) -> Iterator[http.server.HTTPServer]:
    server = http.server.HTTPServer(("127.0.0.1", 0), Receiver)
    server.received, server.statuses = [], list(statuses)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


def redrive(directory: Path) -> None:
    step("the command for the dead-letter queue sends each event to the receiver and deletes those that it accepts")
    script = block("events.md", "### Events that could not be delivered", "sh")
    aws = directory / "aws"
    aws.write_text(AWS.replace("{python}", sys.executable))
    aws.chmod(0o755)
    queue = directory / "queue.json"
    events = [event(1), event(2, 'a "quote", a \\ and an umlaut: ü'), event(3)]
    # The page relies on neither: the message is the event with EventBridge's envelope, or what the target would have got.
    envelope = {"version": "0", "id": "1", "source": "invitations", "detail-type": "Invitation Accepted", "account": "1"}
    bodies = [{**envelope, "detail": events[0]}, {**envelope, "detail": events[1]}, events[2]]

    def run(*statuses: int) -> tuple[list, list, str]:
        """The requests that arrived, the messages that are left, and the output."""
        messages = [
            {"ReceiptHandle": f"handle/{number}+=", "Body": json.dumps(body, ensure_ascii=False), "received": False}
            for number, body in enumerate(bodies)
        ]
        queue.write_text(json.dumps(messages))
        with receiver(*statuses) as server:
            environment = {
                **os.environ,
                "PATH": f"{directory}:{os.environ['PATH']}",
                "QUEUE": "https://sqs.example/queue",
                "QUEUE_FILE": str(queue),
                "URL": f"http://127.0.0.1:{server.server_port}/hook",
                "KEY": DocumentedReceiver.KEY,
            }
            done = subprocess.run(["sh", "-c", script], cwd=directory, env=environment, capture_output=True, text=True, timeout=60)
        check(done.returncode == 0 and not done.stderr, "The command must not fail.", done.stdout, done.stderr)
        check(not (directory / "event.json").exists(), "It must leave no file.")
        return server.received, json.loads(queue.read_text()), done.stdout

    received, left, output = run()
    check((left, output) == ([], ""), "The queue must be empty, and nothing said.", left, output)
    check([body for _, _, body in received] == events, "Each event must arrive once, without the envelope.", received)
    for path, headers, _ in received:
        found = path, headers["X-Webhook-Key"], headers["Content-Type"]
        check(
            found == ("/hook", DocumentedReceiver.KEY, "application/json; charset=utf-8"), "The request must be like EventBridge's.", found
        )

    step("it stops at an event that is not accepted, which stays in the queue")
    for status in (503, 403, 302):
        received, left, output = run(204, status)
        check(len(received) == 2 and len(left) == 2, "The second and the third event must be left.", received, left)
        check(output == f"Stopped: the receiver answered {status}.\n", "It must say why it stops.", output)


def signing(_: Path) -> None:
    step("the function of docs/events.md signs an event like Standard Webhooks, and fails if the receiver does")
    script = block("events.md", "### Signatures", "python")
    # The example of the specification.
    secret, seconds, id = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", 1614265330, "msg_p5jXN8AQM9LWM0D4loKWxJek"
    body, signature = '{"test": 2432232314}', "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    for status, fails in ((204, False), (500, True), (403, True)):
        with receiver(status) as server:
            function: dict = {}
            exec(script, function)
            # Its body and its time are those of the example.
            function["json"] = SimpleNamespace(dumps=lambda _: body)
            function["time"] = SimpleNamespace(time=lambda: seconds)
            url = f"http://127.0.0.1:{server.server_port}/hook"
            function["os"] = SimpleNamespace(environ={"URL": url, "SECRET": secret})
            try:
                function["handler"]({"id": id}, None)
                failed = False
            except urllib.error.HTTPError:
                failed = True
        check(failed == fails, "Lambda must learn whether it was accepted.", status, failed)
        [(_, headers, received)] = server.received
        sent = {name.lower(): value for name, value in headers.items()}
        check(sent["webhook-signature"] == signature, "The signature must be that of the specification.", sent)
        found = sent["webhook-id"], sent["webhook-timestamp"], sent["content-type"], received
        check(found == (id, str(seconds), "application/json", json.loads(body)), "The rest must be what was signed.", found)


def documented_receiver(directory: Path) -> None:
    step("the receiver of docs/development.md prints an event once, and rejects a wrong key")

    def post(event: dict, **headers: str) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", receiver.port, timeout=5)
        try:
            connection.request("POST", "/hook", json.dumps(event), {name.replace("_", "-"): value for name, value in headers.items()})
            return connection.getresponse().status
        finally:
            connection.close()

    with DocumentedReceiver(directory) as receiver:
        answers = [post(event(1)), post(event(1), X_Webhook_Key="another"), post(event(1), X_Webhook_Key=receiver.KEY)]
        answers += [post(event(1), X_Webhook_Key=receiver.KEY), post(event(2), X_Webhook_Key=receiver.KEY)]
        check(answers == [403, 403, 204, 204, 204], "Only the key must be accepted.", answers)
        until(lambda: len(receiver.lines) >= 2, "It must print events.")
    check(receiver.types(event(1)["invitation"]) == ["accepted"] * 2, "Each event must be printed once.", receiver.lines)


def main() -> int:
    try:
        for test in (templates, redrive, signing, documented_receiver):
            with tempfile.TemporaryDirectory() as directory:
                test(Path(directory))
    except Failed as error:
        print(f"FAILED: {error}", file=sys.stderr)
        return 1
    print("Webhook: passed.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
