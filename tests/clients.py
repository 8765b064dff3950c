#!/usr/bin/env python3
"""Generates clients from openapi.yaml and tests them against a running service.

    python3 tests/clients.py

It needs a service started by `make run`, and reads its address and keys from .local/dev.json, or from the file in DEV_JSON.
NODE_TOOLS and PYTHON_TOOLS are the directories into which npm and pip installed the generators.

The generators must not warn, and the TypeScript must compile with all strict checks. Each client makes the walkthrough of
docs/api.md twice: with the responses of the service, and with responses as a later version may send them, which have more
properties and other values.
"""

import http.client
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WALKS = ROOT / "tests" / "clients"
SECONDS = 120
STRICT = ["strict", "exactOptionalPropertyTypes", "noUncheckedIndexedAccess", "noPropertyAccessFromIndexSignature", "noUnusedLocals"]


class Failed(Exception):
    """A failure, as a sentence."""


def run(what: str, command: list[str | Path], **variables: str) -> None:
    """Runs a command that must succeed and warn of nothing."""
    environment = {**os.environ, "NO_PROXY": "*", "NO_COLOR": "1", "PYTHONDONTWRITEBYTECODE": "1", **variables}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, timeout=SECONDS, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if done.returncode != 0 or re.search(r"warn|⚠", done.stdout, re.IGNORECASE):
        print(done.stdout)
        raise Failed(f"{what} failed or warned")


def later(value: object) -> object:
    """A response as a later version may send it."""
    if isinstance(value, list):
        return [later(item) for item in value]
    if not isinstance(value, dict):
        return value
    changed = {name: item if name == "fields" else later(item) for name, item in value.items()}
    if "urn" in changed:
        changed["delivery"] = {"state": "opened", "time": changed["created"], "addedLater": "x"}
        changed["invitedBy"] = "urn:example:person:1"
    return {"addedLater": "x", **changed}


class LaterVersion(BaseHTTPRequestHandler):
    """Forwards requests to the service, and its responses with additions."""

    upstream = ""
    changed = 0

    def forward(self) -> None:
        connection = http.client.HTTPConnection(self.upstream, timeout=SECONDS)
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        connection.request(self.command, self.path, body, {name: value for name, value in self.headers.items() if name.lower() != "host"})
        response = connection.getresponse()
        body = json.dumps(later(json.loads(response.read()))).encode()
        LaterVersion.changed += 1
        self.send_response(response.status)
        for name, value in response.getheaders():
            if name.lower() not in ("content-length", "transfer-encoding", "connection", "date"):
                self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        connection.close()

    do_GET = do_POST = forward

    def log_message(self, *_: object) -> None:
        pass


def generate_python(directory: Path) -> None:
    """Generates the package `invitations_client`."""
    config = directory / "config.json"
    config.write_text(json.dumps({"package_name_override": "invitations_client", "post_hooks": []}))
    command = [sys.executable, "-m", "openapi_python_client", "generate", "--path", "openapi.yaml", "--config", config]
    command += ["--meta", "none", "--output-path", directory / "invitations_client", "--fail-on-warning"]
    run("openapi-python-client", command, PYTHONPATH=os.environ["PYTHON_TOOLS"])


def generate_typescript(directory: Path) -> None:
    """Generates the types, and compiles the walkthrough with them."""
    modules = Path(os.environ["NODE_TOOLS"], "node_modules").resolve()
    (directory / "node_modules").symlink_to(modules)
    (directory / "package.json").write_text(json.dumps({"type": "module"}))
    (directory / "walk.ts").write_text((WALKS / "walk.ts").read_text())
    run("openapi-typescript", [modules / ".bin" / "openapi-typescript", "openapi.yaml", "--output", directory / "api.d.ts"])
    options = {"target": "es2022", "module": "nodenext", "lib": ["es2022", "dom", "dom.iterable"], "types": []}
    options |= dict.fromkeys(STRICT, True)
    (directory / "tsconfig.json").write_text(json.dumps({"compilerOptions": options, "files": ["walk.ts", "api.d.ts"]}))
    run("tsc", [modules / ".bin" / "tsc", "--project", directory])


def main() -> None:
    dev_file = Path(os.environ.get("DEV_JSON", ROOT / ".local" / "dev.json"))
    try:
        dev = json.loads(dev_file.read_text())
        url, keys = dev["url"], [dev["keys"]["full-access"], dev["keys"]["other-account"]]
    except (OSError, ValueError, KeyError) as error:
        raise Failed(f"{dev_file} cannot be used ({error!r}); start the service with `make run` first") from None

    with tempfile.TemporaryDirectory() as scratch:
        directory = Path(scratch)
        generate_python(directory)
        generate_typescript(directory)
        path = os.pathsep.join([scratch, os.environ["PYTHON_TOOLS"]])
        LaterVersion.upstream = urllib.parse.urlsplit(url).netloc
        with ThreadingHTTPServer(("127.0.0.1", 0), LaterVersion) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            try:
                # Each in an account of its own, because the emails are the same.
                for version, address, key in [
                    ("this version", url, keys[0]),
                    ("a later version", f"http://127.0.0.1:{server.server_address[1]}", keys[1]),
                ]:
                    run(f"Python with {version}", [sys.executable, WALKS / "walk.py"], API_URL=address, API_KEY=key, PYTHONPATH=path)
                    run(f"TypeScript with {version}", ["node", directory / "walk.js"], API_URL=address, API_KEY=key)
            finally:
                server.shutdown()
    if LaterVersion.changed < 20:
        raise Failed(f"only {LaterVersion.changed} responses of a later version were tested")
    print(f"clients in Python and TypeScript work, also with {LaterVersion.changed} responses of a later version")


if __name__ == "__main__":
    try:
        main()
    except (Failed, subprocess.TimeoutExpired) as error:
        sys.exit(f"clients: {error}")
