"""What commands of the pages do to a stack."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from pages import block
from template_stack import Stack, check

# Stands in for the AWS CLI: answers a query about the stack, and prints the arguments of its update.
AWS = """#!{python}
import json, os, sys
import jmespath
arguments = sys.argv[1:]
options = dict(zip(arguments[2::2], arguments[3::2]))
assert arguments[0] == "cloudformation" and (options.get("--stack-name") == "invitations" or arguments[1] == "wait"), arguments
if arguments[1] == "update-stack":
    print(json.dumps(arguments[2:]))
elif arguments[1] == "describe-stacks":
    found = jmespath.search(options["--query"], json.loads(os.environ["STACK"]))
    print(json.dumps(found) if options["--output"] == "json" else "\\t".join(found))
"""


def operator(stack: Stack, command: str) -> dict[str, str]:
    """The options of the update that a command of the pages makes of a stack."""
    described = {
        "Parameters": [{"ParameterKey": name, "ParameterValue": str(value)} for name, value in stack.parameters.items()],
        "Outputs": [{"OutputKey": "ApiUrl", "OutputValue": "-"}, {"OutputKey": "RollbackConfiguration", "OutputValue": "{...}"}],
    }
    with tempfile.TemporaryDirectory() as directory:
        aws = Path(directory, "aws")
        aws.write_text(AWS.replace("{python}", sys.executable))
        aws.chmod(0o755)
        environment = {**os.environ, "PATH": f"{directory}:{os.environ['PATH']}", "STACK": json.dumps({"Stacks": [described]})}
        script = f"set -eo pipefail\n{block('operations.md', '## Shell helpers', 'sh')}\n{command}"
        run = subprocess.run(["bash", "-c", script], capture_output=True, text=True, env=environment)
    check(run.returncode == 0, run.stderr)
    arguments = json.loads(run.stdout)
    # One of them takes two values.
    capabilities = arguments.index("--capabilities")
    del arguments[capabilities : capabilities + 3]
    arguments.remove("--use-previous-template")
    return dict(zip(arguments[::2], arguments[1::2], strict=True))
