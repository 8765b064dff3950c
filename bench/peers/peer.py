"""Writes the peer.json of a built alternative: the command that starts it, and the versions that it was built from.

    python3 peer.py <alternative> <its directory>

The harness replaces {dir} by the alternative's directory, {ca} by a file with the certificate authority of the test, and
{ca+system} by a file that also contains the machine's certificate authorities.
"""

import json
import platform
import re
import subprocess
import sys
from importlib.metadata import distributions
from pathlib import Path

HERE = Path(__file__).parent


def output_of(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def rust(alternative: str, *crates: str) -> dict[str, str]:
    locked = dict(re.findall(r'name = "(.+)"\nversion = "(.+)"', (HERE / alternative / "Cargo.lock").read_text()))
    return {"rustc": output_of("rustc", "--version").split()[1], **{crate: locked[crate] for crate in crates}}


def hello(_: Path) -> dict:
    return {
        "name": "Rust, lambda_http, hello world",
        "command": ["./bootstrap"],
        "versions": rust("hello", "lambda_http"),
        "package": ["bootstrap"],
        "binary": "bootstrap",
        "environment": {},
    }


def rust_defaults(_: Path) -> dict:
    return {
        "name": "Rust, all default features",
        "command": ["./bootstrap"],
        "versions": rust("rust-defaults", "lambda_http", "aws-config", "aws-sdk-dynamodb"),
        "package": ["bootstrap"],
        "binary": "bootstrap",
        "environment": {"SSL_CERT_FILE": "{ca+system}"},
    }


def node(directory: Path) -> dict:
    packages = ("@aws-sdk/client-dynamodb", "@aws-sdk/lib-dynamodb", "esbuild")
    installed = {name: json.loads((directory / "node_modules" / name / "package.json").read_text())["version"] for name in packages}
    version = output_of("node", "--version").removeprefix("v")
    return {
        "name": f"Node {version.split('.')[0]}, AWS SDK v3, bundled",
        # The interpreter itself, not a version manager's wrapper in front of it.
        "command": [output_of("node", "--print", "process.execPath"), "runtime.mjs"],
        "versions": {"node": version, **installed},
        "package": ["index.mjs"],
        "binary": None,
        "environment": {"NODE_EXTRA_CA_CERTS": "{ca}"},
    }


def python(directory: Path) -> dict:
    installed = {package.name: package.version for package in distributions(path=[str(directory / "site")])}
    return {
        "name": f"Python {'.'.join(platform.python_version_tuple()[:2])}, boto3",
        "command": [sys.executable, "-m", "awslambdaric", "index.handler"],
        "versions": {"python": platform.python_version(), **{name: installed[name] for name in ("boto3", "botocore", "awslambdaric")}},
        # Lambda's own runtime includes boto3 and the runtime client.
        "package": [],
        "binary": None,
        "environment": {"AWS_CA_BUNDLE": "{ca+system}", "PYTHONPATH": "{dir}/site"},
    }


ALTERNATIVES = {"hello": hello, "rust-defaults": rust_defaults, "node": node, "python": python}


def main(alternative: str, directory: str) -> None:
    path = Path(directory) / "peer.json"
    text = json.dumps(ALTERNATIVES[alternative](Path(directory)), indent=2) + "\n"
    if not path.exists() or path.read_text() != text:
        path.write_text(text)


if __name__ == "__main__":
    main(*sys.argv[1:])
