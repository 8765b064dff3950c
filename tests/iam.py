"""Compares the local IAM with two others: SAM for the roles of the functions, @cloud-copilot/iam-simulate for the decisions.

    PYTHONPATH=.local/tools/sam python3 tests/iam.py .local/tools/iam-simulate

The simulator is a tool of the tests and no part of this project; see docs/adr/0033.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from template_cycles import TEMPLATE, transformed

ROOT = Path(__file__).resolve().parent.parent
EXPORT = ["cargo", "test", "--workspace", "--test", "api", "the_decisions_about_every_function"]
MANAGED = "arn:aws:iam::aws:policy/service-role/"


def sids(document: dict) -> list[str]:
    """The names of a document's statements. SAM gives none to those that it adds."""
    return [statement.get("Sid", "SQSSendMessage") for statement in document["Statement"]]


def roles_by_sam() -> dict[str, list[str]]:
    """The statements of each function's role, managed policies by name, as SAM makes it."""
    resources = transformed(TEMPLATE.read_text())["Resources"]
    roles = {}
    for name, resource in resources.items():
        if resource["Type"] == "AWS::Lambda::Function":
            role = resources[resource["Properties"]["Role"]["Fn::GetAtt"][0]]["Properties"]
            managed = [arn.removeprefix(MANAGED) for arn in role["ManagedPolicyArns"]]
            roles[name] = managed + [sid for policy in role["Policies"] for sid in sids(policy["PolicyDocument"])]
    return roles


def main(tools: str) -> int:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "decisions.json"
        subprocess.run([*EXPORT, "--quiet"], cwd=ROOT, env={**os.environ, "DECISIONS": str(path)}, check=True)
        table = json.loads(path.read_text())
        here = {each["resource"]: [sid for policy in each["policies"] for sid in sids(policy)] for each in table}
        by_sam = roles_by_sam()
        for name in sorted(here.keys() | by_sam.keys()):
            if sorted(here.get(name, [])) != sorted(by_sam.get(name, [])):
                print(f"{name}: {here.get(name)} here, {by_sam.get(name)} by SAM", file=sys.stderr)
                return 1
        print(f"The roles of {len(by_sam)} functions have the statements that SAM gives them.")
        return subprocess.run(["node", "tests/iam/compare.cjs", tools, str(path)], cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
