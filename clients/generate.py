#!/usr/bin/env python3
"""Makes the packages of the clients from openapi.yaml.

    python3 clients/generate.py DIRECTORY

NODE_TOOLS and PYTHON_TOOLS are the directories into which npm and pip installed the generators. The directory gets `typescript` and
`python`, the sources of the packages, and the packages made of them: a .tgz for npm, and a wheel for pip. The generators must not warn,
and what is ours must pass the strict checks of the compilers.
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
CONTRACT = ROOT / "openapi.yaml"
SECONDS = 120


class Failed(Exception):
    """A failure, as a sentence."""


def run(what: str, command: list[str | Path], directory: Path = ROOT, **variables: str) -> None:
    """Runs a command that must succeed and warn of nothing."""
    environment = {**os.environ, "NO_PROXY": "*", "NO_COLOR": "1", "PYTHONDONTWRITEBYTECODE": "1", **variables}
    done = subprocess.run(
        command, cwd=directory, env=environment, timeout=SECONDS, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if done.returncode != 0 or re.search(r"warn|⚠", done.stdout, re.IGNORECASE):
        print(done.stdout)
        raise Failed(f"{what} failed or warned")


def set_up(package: Path, source: Path) -> None:
    shutil.rmtree(package, ignore_errors=True)
    shutil.copytree(source, package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "LICENSE", package)
    shutil.copy(ROOT / "clients" / "README.md", package)


def typescript(directory: Path) -> None:
    package = directory / "typescript"
    set_up(package, ROOT / "clients" / "typescript")
    modules = Path(os.environ["NODE_TOOLS"], "node_modules").resolve()
    fetch = json.loads((modules / "openapi-fetch" / "package.json").read_text())

    description = json.loads((package / "package.json").read_text())
    description |= {"dependencies": {"openapi-fetch": f"^{fetch['version']}"}}
    (package / "package.json").write_text(json.dumps(description, indent=2) + "\n")
    run("openapi-typescript", [modules / ".bin" / "openapi-typescript", CONTRACT, "--output", package / "src" / "api.ts"])
    (package / "node_modules").symlink_to(modules)
    run("tsc", [modules / ".bin" / "tsc", "--project", package])
    (package / "node_modules").unlink()
    run("npm pack", ["npm", "pack", "--pack-destination", directory.resolve(), "--loglevel=error"], package)


def python(directory: Path) -> None:
    package = directory / "python"
    set_up(package, ROOT / "clients" / "python")
    tools = os.environ["PYTHON_TOOLS"]

    config = directory / "config.json"
    config.write_text(json.dumps({"package_name_override": "invitations_client", "post_hooks": []}))
    generated = directory / "generated"
    command = [sys.executable, "-m", "openapi_python_client", "generate", "--path", CONTRACT, "--config", config, "--meta", "none"]
    run("openapi-python-client", [*command, "--output-path", generated, "--overwrite", "--fail-on-warning"], PYTHONPATH=tools)
    (generated / "__init__.py").unlink()
    shutil.copytree(generated, package / "invitations_client", dirs_exist_ok=True)
    shutil.rmtree(generated)
    config.unlink()
    check_types(package, Path(tools.split(os.pathsep)[0]))
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check", "--no-deps", "--no-build-isolation"]
    run("pip wheel", [*command, "--wheel-dir", directory, package], PYTHONPATH=tools)


def check_types(package: Path, libraries: Path) -> None:
    # Only the packages that it depends on: others in that directory hide modules of Python itself from mypy.
    with tempfile.TemporaryDirectory() as directory:
        for name in ("httpx", "attr", "attrs"):
            Path(directory, name).symlink_to(libraries / name)
        command = [sys.executable, "-m", "mypy", "--config-file", "pyproject.toml", "--cache-dir", os.devnull, "-p", "invitations_client"]
        run("mypy", command, package, PYTHONPATH=os.environ["PYTHON_TOOLS"], MYPYPATH=directory)


def main(directory: Path) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    for old in [*directory.glob("*.tgz"), *directory.glob("*.whl")]:
        old.unlink()
    typescript(directory)
    python(directory)
    for made in [*sorted(directory.glob("*.tgz")), *sorted(directory.glob("*.whl"))]:
        print(made)


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]))
    except (Failed, subprocess.TimeoutExpired) as error:
        sys.exit(f"clients: {error}")
