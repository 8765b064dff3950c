"""Checks the releases of the functions of the API: what CloudFormation and CodeDeploy get, and what names a release."""

import json
import re

from samtranslator.yaml_helper import yaml_parse
from template_cycles import TEMPLATE
from template_operator import operator
from template_stack import Stack, check

# CodeDeploy's own deployment configurations for Lambda, and the minutes until the last step.
SHIFTS = {f"Linear10PercentEvery{n}Minute{'s'[: n - 1]}": 9 * n for n in (1, 2, 3, 10)} | {
    f"Canary10Percent{n}Minutes": n for n in (5, 10, 15, 30)
}
# What makes a release of a function.
RELEASE = {
    "Version": {"Type": "AWS::Lambda::Version", "Properties": {"FunctionName": {"Ref": "FunctionName"}, "Description": {"Ref": "Release"}}},
    "Alias": {
        "Type": "AWS::Lambda::Alias",
        "UpdatePolicy": {
            "CodeDeployLambdaAliasUpdate": {
                "ApplicationName": {"Ref": "ApplicationName"},
                "DeploymentGroupName": {"Ref": "DeploymentGroup"},
            }
        },
        "Properties": {"FunctionName": {"Ref": "FunctionName"}, "FunctionVersion": {"Fn::GetAtt": ["Version", "Version"]}, "Name": "live"},
    },
    "Invocations": {
        "Type": "AWS::Lambda::Permission",
        "Properties": {
            "Action": "lambda:InvokeFunction",
            "FunctionName": {"Ref": "Alias"},
            "Principal": "apigateway.amazonaws.com",
            "SourceArn": {"Fn::Sub": "arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:*"},
        },
    },
    "DeploymentGroup": {
        "Type": "AWS::CodeDeploy::DeploymentGroup",
        "Properties": {
            "ApplicationName": {"Ref": "ApplicationName"},
            "ServiceRoleArn": {"Ref": "RoleArn"},
            "DeploymentConfigName": {"Fn::Sub": "CodeDeployDefault.Lambda${TrafficShift}"},
            "DeploymentStyle": {"DeploymentType": "BLUE_GREEN", "DeploymentOption": "WITH_TRAFFIC_CONTROL"},
            "AlarmConfiguration": {
                "Enabled": True,
                "Alarms": [{"Name": {"Fn::Sub": f"${{AlarmPrefix}}-{name}"}} for name in ("ApiServerErrors", "FunctionErrors")],
            },
            "AutoRollbackConfiguration": {
                "Enabled": True,
                "Events": ["DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_ALARM", "DEPLOYMENT_STOP_ON_REQUEST"],
            },
        },
    },
}
# What each release gets, apart from its function.
PASSED = {
    "Release": "v1",
    "TrafficShift": "Linear10PercentEvery1Minute",
    "ApplicationName": {"Ref": "ReleaseApplication"},
    "RoleArn": {"Fn::GetAtt": ["ReleaseRole", "Arn"]},
    "AlarmPrefix": {"Ref": "AWS::StackName"},
}


def releases(default: Stack) -> None:
    """Every route leads to a function, or with `TrafficShift` to its alias, which alarms of the stack move back."""
    on = {"TrafficShift": "Linear10PercentEvery1Minute", "Release": "v1"}
    for part in ({"TrafficShift": on["TrafficShift"]}, {**on, "Alarms": "false"}):
        check(len(Stack(default.template, part).broken_rules()) == 1, f"{part} must be refused.")
    source = yaml_parse(TEMPLATE.read_text())["Resources"].items()
    functions = {name: it["Properties"] for name, it in source if it["Type"] == "AWS::Serverless::Function"}
    expected = {
        (event["Properties"]["Path"], event["Properties"]["Method"].lower()): name
        for name, properties in functions.items()
        for event in properties.get("Events", {}).values()
        if event["Type"] == "HttpApi"
    }
    for parameters, target in (({}, "{}Function.Arn"), (on, "{}Release.Outputs.AliasArn")):
        stack = Stack(default.template, {**parameters, "Console": "true"})
        paths = stack.properties("InvitationsApi")["Body"]["paths"]
        found = {(path, method): it["x-amazon-apigateway-integration"] for path, methods in paths.items() for method, it in methods.items()}
        wanted = {route: integration(target.format(name.removesuffix("Function"))) for route, name in expected.items()}
        check(found == wanted, "Each route must lead to its function:", found, wanted)
        nested = {name: it["Properties"] for name, it in stack.resources.items() if it["Type"] == "AWS::CloudFormation::Stack"}
        check(set(nested) == ({name.replace("Function", "Release") for name in expected.values()} if parameters else set()), nested.keys())
    check("ConsolePageRelease" not in Stack(default.template, on).resources, "Without a console, it has no releases.")

    release = yaml_parse((TEMPLATE.parent / "release.yaml").read_text())
    check(release["Resources"] == RELEASE, "A release must be complete:", release["Resources"])
    check(release["Outputs"] == {"AliasArn": {"Value": {"Ref": "Alias"}}}, release["Outputs"])
    for name, properties in nested.items():
        passed = {**PASSED, "FunctionName": {"Ref": name.replace("Release", "Function")}}
        check(properties == {"TemplateURL": "release.yaml", "Parameters": passed}, name, properties)
        check(set(passed) == set(release["Parameters"]), "A release must get its parameters:", passed)
    check(stack.properties("ReleaseApplication") == {"ComputePlatform": "Lambda"}, "It deploys functions.")
    role = stack.properties("ReleaseRole")
    policy = {"Fn::Sub": "arn:${AWS::Partition}:iam::aws:policy/service-role/AWSCodeDeployRoleForLambdaLimited"}
    trusted = [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "codedeploy.amazonaws.com"}}]
    check(role["ManagedPolicyArns"] == [policy] and role["AssumeRolePolicyDocument"]["Statement"] == trusted, role)
    for _, function in stack.functions():
        check(function["Environment"]["Variables"].get("RELEASE") == "v1", "Without a change, Lambda publishes no version.", function)
    alarms = {name: stack.properties(f"{name}Alarm") for name in ("ApiServerErrors", "FunctionErrors")}
    for name, alarm in alarms.items():
        check(alarm["AlarmName"] == {"Fn::Sub": f"${{AWS::StackName}}-{name}"}, "The alarms must be those of the stack:", alarm)
    slowest = max(alarm.get("Period", 300) * alarm["EvaluationPeriods"] for alarm in alarms.values())
    for shift in default.template["Parameters"]["TrafficShift"]["AllowedValues"]:
        minutes = SHIFTS.get(shift, 0)
        check(shift == "AllAtOnce" or minutes * 60 > slowest, "An alarm must have the time to fire.", shift)
        check(minutes <= 50, "SAM and the AWS CLI wait for an hour.", shift)

    # `set_parameter` names a new release where the API takes over no change without one.
    for shift, command, named in (
        (on, "set_parameter MaxSends=3", True),
        (on, "set_parameter MaxSends=3 Release=v2", False),
        (on, "set_parameter MaxSends=3 TrafficShift=AllAtOnce", False),
        ({}, "set_parameter MaxSends=3", False),
        ({}, "set_parameter TrafficShift=Canary10Percent10Minutes", True),
    ):
        sent = {
            it["ParameterKey"]: it.get("ParameterValue")
            for it in json.loads(operator(Stack(default.template, shift), command)["--parameters"])
        }
        check((re.fullmatch(r"v1?\+20\d\d-.*Z|\+20.*Z", sent["Release"] or "") is not None) == named, command, sent["Release"])
        check("Release=v2" not in command or sent["Release"] == "v2", command, sent["Release"])
        pattern = default.template["Parameters"]["Release"]["AllowedPattern"]
        check(not named or re.fullmatch(pattern, sent["Release"]), sent["Release"])

    long = {**on, "Release": f"{'v' * 50}+2026-11-29T12:00:00Z"}
    sent = operator(Stack(default.template, long), "set_at_once TrafficShift=Linear10PercentEvery2Minutes MaxSends=3")
    values = {it["ParameterKey"]: it["ParameterValue"] for it in json.loads(sent["--parameters"]) if "ParameterValue" in it}
    check(values == {"MaxSends": "3", "TrafficShift": "AllAtOnce"}, "It must change all at once.", values)
    check(json.loads(sent["--rollback-configuration"]) == {"MonitoringTimeInMinutes": 0, "RollbackTriggers": []}, sent)
    sent = operator(Stack(default.template, long), "set_parameter MaxSends=3")
    [name] = [it["ParameterValue"] for it in json.loads(sent["--parameters"]) if it["ParameterKey"] == "Release"]
    check(len(name) == 64 and re.fullmatch(default.template["Parameters"]["Release"]["AllowedPattern"], name), name)


def integration(function: str) -> dict:
    """How API Gateway calls a function or an alias."""
    return {
        "type": "aws_proxy",
        "httpMethod": "POST",
        "payloadFormatVersion": "2.0",
        "timeoutInMillis": 29000,
        "uri": {
            "Fn::Sub": [
                "arn:${AWS::Partition}:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${Function}/invocations",
                {"Function": {"Fn::GetAtt": function.split(".", 1)}},
            ]
        },
    }
