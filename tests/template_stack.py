"""What CloudFormation makes of the template, for given parameters."""

import re
import sys
from collections.abc import Iterator

NO_VALUE = object()
# The value of a parameter without a default.
REQUIRED = "invitations@example.com"


def check(condition: object, *problem: object) -> None:
    if not condition:
        sys.exit("\n".join(["The template is wrong:", *map(str, problem)]))


class Stack:
    """What CloudFormation makes of a transformed template."""

    def __init__(self, template: dict, parameters: dict) -> None:
        self.template = template
        declared = template["Parameters"]
        self.parameters = {name: str(parameters.get(name, it.get("Default", REQUIRED))) for name, it in declared.items()}
        conditions = template["Conditions"]
        self.conditions = {name: self.holds(condition) for name, condition in conditions.items()}
        kept = {name: it for name, it in template["Resources"].items() if self.conditions.get(it.get("Condition"), True)}
        self.resources = {name: self.value(it) for name, it in kept.items()}
        outputs = template["Outputs"].items()
        self.outputs = {name: self.value(it) for name, it in outputs if self.conditions.get(it.get("Condition"), True)}

    def broken_rules(self) -> list[str]:
        """The sentences of rules that do not allow these parameters."""
        rules = [rule for rule in self.template["Rules"].values() if "RuleCondition" not in rule or self.holds(rule["RuleCondition"])]
        return [it["AssertDescription"] for rule in rules for it in rule["Assertions"] if not self.holds(it["Assert"])]

    def holds(self, condition: dict) -> bool:
        [(function, argument)] = condition.items()
        if function == "Condition":
            return self.holds(self.template["Conditions"][argument])
        if function == "Fn::Equals":
            left, right = (str(self.value(it)) for it in argument)
            return left == right
        results = [self.holds(it) for it in argument]
        return {"Fn::Not": lambda: not results[0], "Fn::And": lambda: all(results), "Fn::Or": lambda: any(results)}[function]()

    def value(self, value: object) -> object:
        """A part of the template with its conditions and parameters. References to resources stay."""
        if isinstance(value, list):
            return [it for it in map(self.value, value) if it is not NO_VALUE]
        if not isinstance(value, dict):
            return value
        if set(value) == {"Ref"}:
            return NO_VALUE if value["Ref"] == "AWS::NoValue" else self.parameters.get(value["Ref"], value)
        if set(value) == {"Fn::If"}:
            name, then, otherwise = value["Fn::If"]
            return self.value(then if self.conditions[name] else otherwise)
        return {name: it for name, it in ((name, self.value(it)) for name, it in value.items()) if it is not NO_VALUE}

    def text(self, value: object) -> str:
        """A text with its variables filled in. A resource is its name."""
        if isinstance(value, str):
            return value
        if "Ref" in value:
            return value["Ref"]
        text, variables = (value["Fn::Sub"], {}) if isinstance(value["Fn::Sub"], str) else value["Fn::Sub"]
        known = {**self.parameters, **{name: self.text(it) for name, it in variables.items()}}
        return re.sub(r"\$\{([^}]+)\}", lambda found: known.get(found[1], found[1]), text)

    def properties(self, name: str) -> dict:
        return self.resources[name]["Properties"]

    def functions(self) -> Iterator[tuple[str, dict]]:
        return ((name, it["Properties"]) for name, it in self.resources.items() if it["Type"] == "AWS::Lambda::Function")
