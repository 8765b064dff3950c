"""Checks what CloudFormation would create for each parameter's default and for another value.

    python3 tests/template_parameters.py

SAM transforms the template; `Stack` evaluates its conditions as CloudFormation does. It stops at the first failure.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from pages import block
from samcli.commands.deploy.command import cli as deploy
from samcli.commands.validate.validate import cli as validate
from samcli.lib.config.samconfig import SamConfig
from template_cycles import TEMPLATE, references, transformed
from template_operator import operator
from template_releases import releases
from template_stack import REQUIRED, Stack, check

ARN = "arn:aws:{}:us-east-1:123456789012:{}"
# Another value of each parameter. FromAddress has no default.
OTHER = {
    "Architecture": "x86_64",
    "MemorySize": 256,
    "TrustStore": "native",
    "TrustStoreLayerArn": ARN.format("lambda", "layer:trust:1"),
    "LogLevel": "WARN",
    "LogRetentionDays": 7,
    "OnlyAccount": "012345678912",
    "PermissionsBoundaryArn": "arn:aws:iam::123456789012:policy/boundary",
    "ReservedConcurrency": 5,
    "Release": "v2",
    "TrafficShift": "Canary10Percent10Minutes",
    "ThrottlingRateLimit": 10,
    "ThrottlingBurstLimit": 20,
    "CorsOrigins": "https://app.example.com",
    "Console": "true",
    "DomainName": "invitations.example.com",
    "CertificateArn": ARN.format("acm", "certificate/12345678-1234-1234-1234-123456789012"),
    "MaintenanceRetryAfterSeconds": 60,
    "UrnNamespace": "acme",
    "UrnRegion": "eu",
    "Roles": '{"reader":{"can":["invitations:read"],"mayGrant":[]}}',
    "Issuers": '{"main":{}}',
    "InvitationLifetimeSeconds": 3600,
    "InvitationMaxLifetimeSeconds": 7200,
    "ResendCooldownSeconds": 1,
    "MaxSends": 2,
    "SendQuota": 3,
    "SendQuotaWindowSeconds": 60,
    "RetentionDays": 30,
    "RemindBeforeSeconds": 0,
    "FromAddress": REQUIRED,
    "ConfigurationSetName": "own",
    "LinkBaseUrl": "https://app.example.com/join",
    "TextsDirectory": "/opt/texts",
    "TextsLayerArn": ARN.format("lambda", "layer:texts:1"),
    "DefaultDisplayName": "Acme",
    "DefaultColour": "#0b5fff",
    "DefaultLocale": "de",
    "DefaultRedirect": "https://app.example.com/welcome",
    "EventBusName": "own",
    "DeletionProtection": "false",
    "BackupDays": 7,
    "ExistingTableStreamArn": ARN.format("dynamodb", "table/earlier/stream/2026-11-29T12:00:00.000"),
    "CurrentLinkKey": "second",
    "PreviousLinkKeyArn": ARN.format("secretsmanager", "secret:first-AbCdEf"),
    "KmsKeyArn": ARN.format("kms", "key/12345678-1234-1234-1234-123456789012"),
    "MaxReadUnits": 1000,
    "MaxWriteUnits": 500,
    "ContributorInsights": "true",
    "Alarms": "false",
    "AlarmEmail": "ops@example.com",
    "DailyCreatesThreshold": 100,
    "Metrics": "true",
    "Dashboard": "true",
}
# Parameters that a rule allows together only.
TOGETHER = [{"DomainName", "CertificateArn"}, {"Release", "TrafficShift"}]


def is_allowed(parameter: dict, value: object) -> bool:
    """Whether CloudFormation accepts a value of a parameter."""
    if parameter["Type"] == "Number":
        in_range = parameter.get("MinValue", value) <= value <= parameter.get("MaxValue", value)
        return in_range and value in parameter.get("AllowedValues", [value])
    fits = len(value) <= parameter.get("MaxLength", 4096) and value in parameter.get("AllowedValues", [value])
    # CloudFormation's patterns match the whole value.
    return fits and re.fullmatch(parameter.get("AllowedPattern", ".*"), value) is not None


def whole(stack: Stack, what: str) -> None:
    """Everything that is referred to exists, and the stack is not too large."""
    for name, it in [*stack.resources.items(), *stack.outputs.items()]:
        for other in references(it):
            known = other in stack.resources or other in stack.parameters or other.startswith("AWS::")
            check(known, f"With {what}, {name} refers to {other}, which does not exist.")
    check(len(stack.resources) <= 500, "CloudFormation allows 500 resources.")
    check(not stack.broken_rules(), f"With {what}, a rule is broken:", stack.broken_rules())


def positions(template: dict) -> tuple[Stack, Stack]:
    """Tries each parameter alone, and all together. Returns the stack of the defaults, and that of all other values."""
    parameters = template["Parameters"]
    check(set(OTHER) == set(parameters), "OTHER must have every parameter:", set(OTHER) ^ set(parameters))
    for name, value in OTHER.items():
        check(is_allowed(parameters[name], value), f"{name} must allow {value}.")
        check(name == "FromAddress" or str(parameters[name]["Default"]) != str(value), f"{value} is the default of {name}.")
    default = Stack(template, {})
    whole(default, "the defaults")
    for name, value in OTHER.items():
        group = next((group for group in TOGETHER if name in group), {name})
        stack = Stack(template, {name: OTHER[name] for name in group})
        whole(stack, f"{name}={value}")
        changed = (stack.resources, stack.outputs) != (default.resources, default.outputs)
        check(changed or name == "FromAddress", f"{name} changes nothing.")
    # These would switch off what others switch on.
    everything = Stack(template, {**OTHER, "LogLevel": "INFO", "Alarms": "true", "ExistingTableStreamArn": ""})
    whole(everything, "all other values")
    nothing = Stack(template, {**OTHER, "LogLevel": "INFO"})
    for name in default.conditions:
        found = {stack.conditions[name] for stack in (default, everything, nothing)}
        check(found == {True, False}, f"The condition {name} must be tried in both positions.")
    return default, everything


def operations(default: Stack, everything: Stack) -> None:
    """What the parameters for operators do."""
    tuned = Stack(default.template, {name: OTHER[name] for name in ("KmsKeyArn", "MaxReadUnits", "MaxWriteUnits", "ContributorInsights")})
    table, other = default.properties("InvitationsTable"), tuned.properties("InvitationsTable")
    check(not {"SSESpecification", "OnDemandThroughput"} & set(table), "By default the table has no key to pay for and no limit.", table)
    check(table["ContributorInsightsSpecification"] == {"Enabled": "false"}, table)
    check(other["SSESpecification"] == {"SSEEnabled": True, "SSEType": "KMS", "KMSMasterKeyId": OTHER["KmsKeyArn"]}, other)
    check(other["OnDemandThroughput"] == {"MaxReadRequestUnits": "1000", "MaxWriteRequestUnits": "500"}, other)
    check(other["ContributorInsightsSpecification"] == {"Enabled": "true"}, other)
    indexes = other["GlobalSecondaryIndexes"]
    check(not any("ContributorInsightsSpecification" in index for index in indexes), "Its reports would show addresses.", indexes)
    one = Stack(default.template, {"MaxWriteUnits": 7}).properties("InvitationsTable")
    check(one["OnDemandThroughput"] == {"MaxWriteRequestUnits": "7"}, one)

    for stack, expected in ((default, None), (everything, "5")):
        for name, function in stack.functions():
            check(function.get("ReservedConcurrentExecutions") == expected, name, function)

    found = {name for name, it in default.resources.items() if it["Type"] == "AWS::CloudWatch::Dashboard"}
    check(not found and len(default.resources) < len(everything.resources), "There is no dashboard by default.", found)
    check(not any("CodeDeploy" in it["Type"] for it in default.resources.values()), "Nothing deploys by CodeDeploy.")


def data(default: Stack) -> None:
    """Everything uses the table and the link keys that the parameters name."""
    arn, stream, key = ARN.format("dynamodb", "table/earlier"), OTHER["ExistingTableStreamArn"], OTHER["PreviousLinkKeyArn"]
    existing = Stack(default.template, {"ExistingTableStreamArn": stream, "CurrentLinkKey": key})
    check(not {"InvitationsTable", "LinkKey", "SecondLinkKey"} & set(existing.resources), "Nothing that exists is created.")
    check(existing.properties("LinkKeyArn")["Value"] == key, existing.properties("LinkKeyArn"))
    mapping = existing.properties("DeliverInvitationsFunctionStream")
    check(mapping["EventSourceArn"] == stream, mapping)
    split = default.template["Resources"]["TableArn"]["Properties"]["Value"]["Fn::If"][2]
    check(split == {"Fn::Select": [0, {"Fn::Split": ["/stream/", {"Ref": "ExistingTableStreamArn"}]}]}, split)
    check(stream.split("/stream/")[0] == arn, stream)
    for parameters, created in (({}, {"LinkKey"}), ({"CurrentLinkKey": "second"}, {"SecondLinkKey"})):
        stack = Stack(default.template, parameters)
        secrets = {name: it for name, it in stack.resources.items() if it["Type"] == "AWS::SecretsManager::Secret"}
        check(set(secrets) == created, secrets)
        check(all(it["DeletionPolicy"] == it["UpdateReplacePolicy"] == "Retain" for it in secrets.values()), secrets)


def rollback(default: Stack, everything: Stack) -> None:
    """The documented command sets the alarms that roll back an update, and keeps all parameters."""
    triggers = json.loads(default.text(default.outputs["RollbackConfiguration"]["Value"]))
    alarms = [trigger.pop("Arn") for trigger in triggers["RollbackTriggers"]]
    expected = {"MonitoringTimeInMinutes": 10, "RollbackTriggers": [{"Type": "AWS::CloudWatch::Alarm"}] * 2}
    check(triggers == expected and alarms == ["ApiServerErrorsAlarm.Arn", "FunctionErrorsAlarm.Arn"], triggers, alarms)
    slowest = max(default.properties(name.removesuffix(".Arn")).get("Period", 300) for name in alarms)
    check(triggers["MonitoringTimeInMinutes"] * 60 >= 2 * slowest, "An alarm must have the time to fire.")
    check("RollbackConfiguration" not in Stack(default.template, {"Alarms": "false"}).outputs, "There are no alarms.")

    arguments = operator(everything, block("deploy.md", "### Roll back by alarms", "sh"))
    parameters = {it["ParameterKey"]: it for it in json.loads(arguments["--parameters"])}
    kept = {name for name, it in parameters.items() if it.get("UsePreviousValue")}
    check(
        parameters.keys() == everything.parameters.keys() and parameters.keys() - kept == {"DailyCreatesThreshold", "Release"}, parameters
    )
    check(parameters["DailyCreatesThreshold"]["ParameterValue"] == "2401", parameters)
    check(arguments["--rollback-configuration"] == "{...}", arguments)


def domain(default: Stack, everything: Stack) -> None:
    """Links, outputs and the stage follow the domain."""
    own = "https://invitations.example.com"
    address = "https://InvitationsApi.execute-api.AWS::Region.AWS::URLSuffix"
    with_domain = Stack(default.template, {name: OTHER[name] for name in ("DomainName", "CertificateArn", "Console")})
    for stack, base in ((default, address), (with_domain, own)):
        stage = stack.properties("InvitationsApiApiGatewayDefaultStage")
        check(stack.text(stage["StageVariables"]["linkBaseUrl"]) == f"{base}/accept", stage)
        check(stack.text(stack.outputs["ApiUrl"]["Value"]) == base, stack.outputs)
        for name in ("DeliverInvitationsFunction", "ReconcileDeliveriesFunction"):
            link = stack.text(stack.properties(name)["Environment"]["Variables"]["LINK_BASE_URL"])
            check(link == f"{base}/accept", name, link)
    check(with_domain.text(with_domain.outputs["ConsoleUrl"]["Value"]) == f"{own}/console", with_domain.outputs)
    mapping = with_domain.properties("ApiDomainMapping")
    expected = {"ApiId": "InvitationsApi", "DomainName": "ApiDomain", "Stage": "InvitationsApiApiGatewayDefaultStage"}
    check({name: it["Ref"] for name, it in mapping.items()} == expected, mapping)
    check("ApiDomain" not in default.resources and "DomainTarget" not in default.outputs, "There is no domain by default.")
    # A page of the operator's own is more specific than the domain of the API.
    link = everything.properties("DeliverInvitationsFunction")["Environment"]["Variables"]["LINK_BASE_URL"]
    check(link == OTHER["LinkBaseUrl"], link)
    for alone in TOGETHER[0]:
        check(len(Stack(default.template, {alone: OTHER[alone]}).broken_rules()) == 1, f"{alone} alone must be refused.")
    check(len(Stack(default.template, {"Metrics": "true", "LogLevel": "WARN"}).broken_rules()) == 1, "Metrics need INFO.")


def dashboard(everything: Stack) -> None:
    """It is valid, shows every function of the API and every metric of the stack, and can be free."""
    for parameters in ({"Dashboard": "true"}, {"Dashboard": "true", "Metrics": "true"}):
        stack = Stack(everything.template, parameters)
        body = json.loads(stack.text(stack.properties("OperationsDashboard")["DashboardBody"]))
        shown: list[tuple[str, ...]] = []
        for widget in body["widgets"]:
            check(widget["properties"]["region"] == "AWS::Region" and widget["x"] + widget["width"] <= 24, widget)
            before: list[str] = []
            for metric in widget["properties"]["metrics"]:
                texts = [it for it in metric if isinstance(it, str)]
                if texts[0] == "...":
                    texts = before[: len(before) - len(texts) + 1] + texts[1:]
                before = [old if new == "." else new for new, old in zip(texts, [*before, *texts], strict=False)]
                stat = next((it["stat"] for it in metric if isinstance(it, dict)), widget["properties"]["stat"])
                shown.append((*before, stat))
        check(len(shown) <= 50, "A free dashboard has at most 50 metrics.", len(shown))
        check(len(set(shown)) == len(shown), "No metric is shown twice.", shown)
        api = set(references(stack.properties("InvitationsApi"))) & {name for name, _ in stack.functions()}
        check(len(api) > 10, "The API has routes.", api)
        for name in api:
            for stat in ("p50", "p99"):
                check(("AWS/Lambda", "Duration", "FunctionName", name, stat) in shown, name, stat, shown)
        filters = [it for it in everything.template["Resources"].values() if it.get("Condition") == "HasMetrics"]
        counted = {it["Properties"]["MetricTransformations"][0]["MetricName"] for it in filters}
        check({metric[1] for metric in shown if metric[0] == "AWS::StackName"} == (counted if "Metrics" in parameters else set()), shown)


def settings() -> None:
    """`samconfig.toml` sets options that SAM has."""
    config = SamConfig(TEMPLATE.parent)
    for name, command in (("deploy", deploy), ("validate", validate)):
        options, known = config.get_all([name], "parameters"), {option.name for option in command.params}
        check(options and set(options) <= known, f"Unknown options of sam {name}:", set(options) - known)


def lint(text: str) -> None:
    """`sam validate --lint` with other defaults: the linter follows the defaults only."""
    for name, value in OTHER.items():
        quoted = json.dumps(value)
        pattern = re.compile(rf"(?m)^(  {name}:\n(?:    .*\n|\n)*?)    Default: .*\n")
        text, count = pattern.subn(lambda found, quoted=quoted: f"{found[1]}    Default: {quoted}\n", text)
        check(count == 1 or name == "FromAddress", f"The default of {name} was not found.")
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "template.yaml")
        path.write_text(text)
        shutil.copy(TEMPLATE.parent / "release.yaml", directory)
        arguments = [sys.executable, "-m", "samcli", "validate", "--lint", "--template-file", str(path)]
        run = subprocess.run(arguments, cwd=directory, capture_output=True, text=True, env=os.environ)
    check(run.returncode == 0, "The linter finds:", run.stdout, run.stderr)


def main() -> int:
    text = TEMPLATE.read_text()
    template = transformed(text)
    default, everything = positions(template)
    operations(default, everything)
    data(default)
    rollback(default, everything)
    releases(default)
    domain(default, everything)
    dashboard(everything)
    settings()
    lint(text)
    print(f"{len(OTHER)} parameters have the expected effect: {len(default.resources)} to {len(everything.resources)} resources.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
