#!/usr/bin/env python3
"""Tests the packages of `make clients`, against a running service.

    python3 tests/clients.py

It needs a service started by `make run`, and reads its address and keys from .local/dev.json, or from the file in DEV_JSON.
CLIENTS is the directory with the packages, NODE_TOOLS and PYTHON_TOOLS are those into which npm and pip installed the generators.

The packages are installed as their users install them. The tests of their own rules need no service. Then each client makes the
walkthrough of docs/api.md twice: with the responses of the service, and with responses as a later version may send them, which
have more properties and other values.
"""

import http.client
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WALKS = ROOT / "tests" / "clients"
CLIENTS = Path(os.environ["CLIENTS"])
sys.path.append(str(ROOT / "clients"))

from generate import SECONDS, Failed, run  # noqa: E402


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


def install_python(directory: Path) -> None:
    (wheel,) = CLIENTS.glob("*.whl")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-index", "--no-deps", "--no-user"]
    run("pip install", [*command, "--target", directory, wheel], PIP_ROOT_USER_ACTION="ignore")


def install_typescript(directory: Path) -> None:
    """Installs the package and compiles the walkthrough with all strict checks."""
    (package,) = CLIENTS.glob("*.tgz")
    modules = Path(os.environ["NODE_TOOLS"], "node_modules").resolve()
    (directory / "package.json").write_text(json.dumps({"type": "module"}))
    libraries = [f"file:{modules / name}" for name in ("openapi-fetch", "openapi-typescript-helpers")]
    command = ["npm", "install", "--offline", "--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts", "--loglevel=error"]
    run("npm install", [*command, package, *libraries], directory)
    for name in ("walk.ts", "rules.test.mjs"):
        shutil.copy(WALKS / name, directory)
    configuration = json.loads((ROOT / "clients" / "typescript" / "tsconfig.json").read_text())
    options = {name: value for name, value in configuration["compilerOptions"].items() if name not in ("declaration", "rootDir", "outDir")}
    (directory / "tsconfig.json").write_text(json.dumps({"compilerOptions": options, "files": ["walk.ts"]}))
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
        install_python(directory)
        install_typescript(directory)
        path = os.pathsep.join([scratch, os.environ["PYTHON_TOOLS"]])
        run("The rules in Python", [sys.executable, WALKS / "rules_test.py"], PYTHONPATH=path)
        run("The rules in TypeScript", ["node", "--test", directory / "rules.test.mjs"])
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
