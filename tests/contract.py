#!/usr/bin/env python3
"""Tests a running service against openapi.yaml, with all checks of schemathesis.

    python3 tests/contract.py [options of `schemathesis run`]

It needs a service started by `make run`, and reads its address and keys from .local/dev.json, or from the file in DEV_JSON.
SCHEMATHESIS is the directory into which `pip install --target` installed schemathesis; without it, `schemathesis` must be on the
PATH. A run creates about 300 invitations, so the send quota must be larger: otherwise creating returns 429 and is not tested.

Exits with 0 when everything conforms, and with 1 and the whole report when something does not, or when no link of openapi.yaml
was followed from one operation to another.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SECONDS = 150  # a run takes a fraction of this


def main(options: list[str]) -> str | None:
    """Returns the failure as a sentence, or None."""
    dev_file = Path(os.environ.get("DEV_JSON", ROOT / ".local" / "dev.json"))
    try:
        dev = json.loads(dev_file.read_text())
        url, keys = dev["url"], {"one": dev["keys"]["full-access"], "other": dev["keys"]["other-account"]}
    except (OSError, ValueError, KeyError) as error:
        return f"{dev_file} cannot be used ({error!r}); start the service with `make run` first"

    environment = dict(os.environ, NO_PROXY="*", PYTHONDONTWRITEBYTECODE="1")
    if directory := os.environ.get("SCHEMATHESIS"):
        command = [sys.executable, str(Path(directory, "bin", "schemathesis").resolve())]
        environment["PYTHONPATH"] = str(Path(directory).resolve())
    elif found := shutil.which("schemathesis"):
        command = [found]
    else:
        return "schemathesis is not on PATH, and SCHEMATHESIS does not name the directory it is installed in"

    with tempfile.TemporaryDirectory() as scratch:
        accounts = Path(scratch, "accounts.json")
        accounts.touch(mode=0o600)
        accounts.write_text(
            json.dumps(
                {
                    "auth": [
                        {"name": name, "fixedHeaders": [{"name": "Authorization", "value": f"ApiKey {key}"}]} for name, key in keys.items()
                    ]
                }
            )
        )
        environment |= {"CONTRACT_ACCOUNTS": str(accounts), "HYPOTHESIS_STORAGE_DIRECTORY": scratch}
        command += ["--config-file", "tests/schemathesis.toml", "run", "openapi.yaml"]
        command += ["--url", url, "--checks", "all", "--no-color", *options]
        try:
            run = subprocess.run(
                command,
                cwd=ROOT,
                env=environment,
                timeout=SECONDS,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
        except subprocess.TimeoutExpired:
            return f"schemathesis was not done after {SECONDS} s; is the service at {url} responding?"
    if run.returncode != 0:
        print(run.stdout)
        return f"the service at {url} does not keep what openapi.yaml promises"
    if not (links := links_followed(run.stdout)):
        print(run.stdout)
        return "schemathesis has followed none of the links of openapi.yaml"
    counts = [line.strip() for line in run.stdout.splitlines() if line.strip().endswith("skipped") or "passed" in line]
    print(f"openapi.yaml holds at {url}: {counts[-1] if counts else 'no failure'}, {links} links followed")
    return None


def links_followed(report: str) -> int:
    """How many of the links between operations were called; 0 as well when that phase has not run."""
    phase = re.search(r"✅ +Stateful \(in .*?API Links: +(\d+) covered", report, re.DOTALL)
    return int(phase[1]) if phase else 0


if __name__ == "__main__":
    if problem := main(sys.argv[1:]):
        sys.exit(f"contract: {problem}")
