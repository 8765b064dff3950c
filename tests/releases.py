"""Rehearses how requests reach the functions: by the routes of the API, and by releases."""

import re

from caller import check
from emulator import ACCOUNT, REGION
from terminal import Api, Operator, page


def routes(operator: Operator) -> str:
    """The id of the API. The emulator gets the routes of its definition, which it ignores."""
    [api] = operator.resources("AWS::ApiGatewayV2::Api").values()
    gateway = operator.aws("apigatewayv2")
    operator.cannot("routes of the API", "get-routes answers [], so tests/releases.py creates them from the same definition")
    for route in gateway.get_routes(ApiId=api)["Items"]:
        gateway.delete_route(ApiId=api, RouteId=route["RouteId"])
    template = operator.aws("cloudformation").get_template(StackName="invitations", TemplateStage="Processed")["TemplateBody"]
    functions = operator.resources("AWS::Lambda::Function")
    found = {f"{name}.Arn": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{function}" for name, function in functions.items()}
    for name, stack in operator.resources("AWS::CloudFormation::Stack").items():
        [nested] = operator.aws("cloudformation").describe_stacks(StackName=stack)["Stacks"]
        found |= {f"{name}.Outputs.{output['OutputKey']}": output["OutputValue"] for output in nested["Outputs"]}
    place = {"AWS::Partition": "aws", "AWS::Region": REGION}
    for path, methods in template["Resources"]["InvitationsApi"]["Properties"]["Body"]["paths"].items():
        for method, operation in methods.items():
            # The console's are conditional, and off.
            if "x-amazon-apigateway-integration" not in operation:
                continue
            text, variables = operation["x-amazon-apigateway-integration"]["uri"]["Fn::Sub"]
            # An alias, if there are releases; otherwise the function.
            names = [".".join(it["Fn::GetAtt"]) for it in variables["Function"]["Fn::If"][1:]]
            known = {**place, "Function": next(found[name] for name in names if name in found)}
            uri = re.sub(r"\$\{([^}]+)\}", lambda it, known=known: known[it[1]], text)
            integration = gateway.create_integration(ApiId=api, IntegrationType="AWS_PROXY", PayloadFormatVersion="2.0", IntegrationUri=uri)
            target = f"integrations/{integration['IntegrationId']}"
            gateway.create_route(ApiId=api, RouteKey=f"{method.upper()} {path}", Target=target)
    return api


def releases(operator: Operator, api: Api) -> None:
    """Requests get a changed parameter with a new release, and not before."""

    def days() -> float:
        return api.call("GET", "/invitations/caller").json["limits"]["defaultExpirySeconds"] / 86400

    operator.step("Let requests reach the functions by releases")
    operator.run(page("deploy.md", "### Move requests step by step"))
    api.id = routes(operator)
    check(days() == 1, "The first release must be what was deployed.")
    [version] = aliases(operator)
    operator.run("sam deploy --parameter-overrides InvitationLifetimeSeconds=172800")
    check(days() == 1 and aliases(operator) == {version}, "Without a new release, requests must not get the change.")
    operator.run(page("deploy.md", "## Update", 0, **{"sam build\n": ""}))
    check(days() == 2, "With a new release, they must.")
    [named] = aliases(operator)

    operator.step("Release a changed parameter, and take releases away")
    operator.run("set_parameter InvitationLifetimeSeconds=259200")
    check(days() == 3, "With a new release, requests must get the change.")
    [again] = aliases(operator)
    check(len({version, named, again}) == 3, "Each release must have a name of its own.", version, named, again)
    check(again.split("+")[0] == named.split("+")[0] != "", "The name must show what is deployed.", named, again)
    operator.run("set_at_once InvitationLifetimeSeconds=86400")
    check(not operator.resources("AWS::CloudFormation::Stack"), "The releases must be gone.")
    api.id = routes(operator)
    check(days() == 1, "Requests must reach the functions again.")


def aliases(operator: Operator) -> set[str]:
    """The descriptions of the versions that the aliases of the functions of the API lead to."""
    client, found = operator.aws("lambda"), set()
    for name in operator.resources("AWS::CloudFormation::Stack"):
        function = operator.resources("AWS::Lambda::Function")[name.removesuffix("Release") + "Function"]
        version = client.get_alias(FunctionName=function, Name="live")["FunctionVersion"]
        versions = [it["Version"] for it in client.list_versions_by_function(FunctionName=function)["Versions"]]
        check(versions[-1] == version, "The alias must lead to the latest version.", name, versions)
        if len(versions) > 2:
            operator.cannot("deletion of old versions of functions", f"a nested stack keeps {versions}")
        found.add(client.get_function_configuration(FunctionName=function, Qualifier=version)["Description"])
    return found
