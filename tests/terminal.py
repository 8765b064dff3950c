"""An operator at a terminal: commands of the pages against the emulator, shown with what they do."""

import json
import os
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import botocore.session
from botocore.client import BaseClient
from caller import Caller, Response, check, until
from emulator import ACCOUNT, REGION, Emulator, credentials
from pages import blocks
from service import ROOT

TOOLS = Path(os.environ.get("TOOLS", ROOT / ".local/tools")).resolve()
# Programs that commands of the pages call, from the tools of this project.
PROGRAMS = {
    # No terminal is there to confirm changes.
    "sam": 'PYTHONPATH="$TOOLS/sam:$TOOLS/ziglang" exec "{python}" -m samcli "$@"{deploy}',
    # Version 2 of the AWS CLI is not on PyPI. Version 1 does not have the option that makes 2 take a payload as text, like 1.
    "aws": 'for a; do shift; case $a in --cli-binary-format|raw-in-base64-out) ;; *) set -- "$@" "$a" ;; esac; done\n'
    'PYTHONPATH="$TOOLS/aws-cli" exec "{python}" -m awscli "$@"',
}
# What commands of the pages assign for later ones.
VARIABLES = ("deleted", "table", "stream", "key", "old")


class Api(Caller):
    """A caller of the deployed API, through the emulator's gateway."""

    def __init__(self, port: int, id: str, key: str | None):
        super().__init__(port, key)
        self.id = id

    def call(self, method: str, path: str, body: object = None, **headers: str) -> Response:
        return super().call(method, f"/_aws/execute-api/{self.id}/$default{path}", body, **headers)


class Operator:
    """Types commands, and says so."""

    def __init__(self, emulator: Emulator, directory: Path):
        self.emulator, self.directory = emulator, directory
        self.place = ROOT
        self.number = 0
        self.variables = dict.fromkeys(VARIABLES, "")
        self.not_rehearsed: list[str] = []
        self.session = botocore.session.Session()
        self.clients: dict[str, BaseClient] = {}
        programs = directory / "bin"
        programs.mkdir()
        for name, text in PROGRAMS.items():
            deploy = ' $([ "$1" = deploy ] && echo --no-confirm-changeset --no-progressbar)'
            (programs / name).write_text("#!/bin/sh\n" + text.format(python=sys.executable, deploy=deploy) + "\n")
            (programs / name).chmod(0o755)
        environment = credentials(emulator.port)
        self.environment = {
            **environment,
            "TOOLS": str(TOOLS),
            "PATH": f"{programs}:{TOOLS}/cargo-lambda/bin:{environment['PATH']}",
        }
        self.environment.pop("PYTHONPATH", None)

    @contextmanager
    def in_own_folder(self) -> Iterator[None]:
        """For commands that write files into the folder in which they run."""
        self.place = self.directory
        yield
        self.place = ROOT

    def step(self, text: str) -> None:
        self.number += 1
        print(f"\n{self.number}. {text}", flush=True)

    def notes(self, text: str) -> None:
        print(f"   {text}", flush=True)

    def try_to(self, commands: str, show: bool = True) -> tuple[bool, str]:
        """Whether the commands succeed, and their output."""
        if show:
            for line in commands.strip().splitlines():
                print(f"   $ {line}" if not line.startswith(" ") else f"     {line}", flush=True)
        keep = "\n".join(f'printf %s "${{{name}-}}" > "{self.directory}/{name}.variable"' for name in VARIABLES)
        script = "\n".join(("set -eo pipefail", page("operations.md", "## Shell helpers"), commands, keep))
        began = time.monotonic()
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=self.place,
            env={**self.environment, **self.variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=600,
        )
        if done.returncode == 0:
            self.variables = {name: (self.directory / f"{name}.variable").read_text() for name in VARIABLES}
        if show:
            self.notes(f"{'done' if done.returncode == 0 else 'refused'} in {time.monotonic() - began:.0f} s")
        return done.returncode == 0, done.stdout

    def run(self, commands: str, show: bool = True) -> str:
        succeeded, output = self.try_to(commands, show)
        check(succeeded, "The commands must succeed.", commands, output[-6000:])
        return output

    def aws(self, service: str) -> BaseClient:
        """A client for questions and preparations that are no step of the operator's. It is faster than a command."""
        names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL")
        id, secret, url = (self.environment[name] for name in names)
        if service not in self.clients:
            self.clients[service] = self.session.create_client(
                service, REGION, endpoint_url=url, aws_access_key_id=id, aws_secret_access_key=secret
            )
        return self.clients[service]

    def cannot(self, what: str, answer: str) -> None:
        self.not_rehearsed.append(f"{what}: {answer}")

    def output(self, name: str) -> str:
        [stack] = self.aws("cloudformation").describe_stacks(StackName="invitations")["Stacks"]
        return next(output["OutputValue"] for output in stack["Outputs"] if output["OutputKey"] == name)

    def resources(self, kind: str) -> dict[str, str]:
        """The names of the stack's resources of a type, by their names in the template."""
        pages = self.aws("cloudformation").get_paginator("list_stack_resources").paginate(StackName="invitations")
        resources = [resource for page in pages for resource in page["StackResourceSummaries"]]
        return {it["LogicalResourceId"]: it["PhysicalResourceId"] for it in resources if it["ResourceType"] == kind}

    def configuration(self, function: str) -> dict[str, str]:
        """The variables of a deployed function."""
        name = self.resources("AWS::Lambda::Function")[function]
        return self.aws("lambda").get_function_configuration(FunctionName=name)["Environment"]["Variables"]

    def emails(self, address: str) -> list[str]:
        """The texts of the emails that SES has accepted for an address."""
        url = f"http://127.0.0.1:{self.emulator.port}/_ministack/ses/messages"
        with urllib.request.urlopen(url, timeout=10) as response:
            messages = json.load(response)["messages"].get(ACCOUNT, [])
        return [message["BodyText"] for message in messages if message["To"] == [address]]

    def email(self, address: str) -> str:
        """The token of the link in an address's only email, when it has arrived."""
        # The reconciler runs once a minute.
        until(lambda: self.emails(address), f"{address} must get an email.", 150)
        texts = self.emails(address)
        check(len(texts) == 1, f"{address} must get one email.", *texts)
        token = re.search(r"#(i1\.\S+)", texts[0])
        check(token, "The email must have a link.", texts[0])
        self.notes(f"{address} has got an email, with the link …/accept#{token[1][:24]}…")
        return token[1]


def page(name: str, heading: str, number: int = 0, **placeholders: str) -> str:
    """A block of commands of a page, with what its readers fill in."""
    text = blocks(name, heading, "sh")[number]
    for placeholder, value in placeholders.items():
        check(placeholder in text, f"The block must have {placeholder}.", text)
        text = text.replace(placeholder, value)
    check(not re.search(r"<[A-Za-z]+>", text), "No placeholder must be left.", text)
    return text
