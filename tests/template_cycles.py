"""Checks that no resources of the transformed template depend on each other.

CloudFormation rejects such a template only when it is deployed; the linters accept it. A function of the API that refers to the API is the
typical case, because the API refers to its functions.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse

TEMPLATE = Path(__file__).parent.parent / "template.yaml"
# What a function of the API would have to refer to for its address.
PLANTED = ("LINK_BASE_URL: !If [HasLinkBaseUrl, !Ref LinkBaseUrl, !Ref AWS::NoValue]", "LINK_BASE_URL: !Sub https://${InvitationsApi}")


def transformed(text: str) -> dict:
    """The template that CloudFormation gets."""
    template = yaml_parse(text)
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = "s3://bucket/key"
    parameters = {name: parameter.get("Default", "") for name, parameter in template["Parameters"].items()}
    return Translator({}, Parser()).translate(template, parameters)


def references(value: object) -> Iterator[str]:
    """The names that a part of a resource refers to."""
    if isinstance(value, list):
        for each in value:
            yield from references(each)
    elif isinstance(value, dict):
        for name, inner in value.items():
            if name == "Ref":
                yield inner
            elif name == "Fn::GetAtt":
                yield (inner if isinstance(inner, str) else inner[0]).split(".")[0]
            elif name == "Fn::Sub":
                text, values = (inner, {}) if isinstance(inner, str) else inner
                yield from (name.split(".")[0] for name in re.findall(r"\$\{([^!}]+)\}", text) if name not in values)
                yield from references(values)
            elif name == "DependsOn":
                yield from [inner] if isinstance(inner, str) else inner
            else:
                yield from references(inner)


def cycle(resources: dict) -> list[str]:
    """Resources that depend on each other in a circle; empty if there are none."""
    needs = {name: {other for other in references(resource) if other in resources} for name, resource in resources.items()}
    done: set[str] = set()

    def visit(name: str, path: list[str]) -> list[str]:
        if name in path:
            return [*path[path.index(name) :], name]
        if name in done:
            return []
        for other in sorted(needs[name]):
            if found := visit(other, [*path, name]):
                return found
        done.add(name)
        return []

    return next((found for name in sorted(needs) if (found := visit(name, []))), [])


def main() -> int:
    text = TEMPLATE.read_text()
    resources = transformed(text)["Resources"]
    if found := cycle(resources):
        print(f"These resources depend on each other: {' -> '.join(found)}.", file=sys.stderr)
        return 1
    planted = text.replace(*PLANTED)
    if planted == text or not cycle(transformed(planted)["Resources"]):
        print("The check does not find a planted cycle.", file=sys.stderr)
        return 1
    print(f"None of {len(resources)} resources depend on each other.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
