#!/usr/bin/env python3
"""Rehearses what an operator does with a stack, with the real SAM CLI and the real template, against a local emulator of AWS.

    TOOLS=<directory of tools> PYTHONPATH=<tools>/aws-cli python3 tests/rehearse.py [--built]

It builds, deploys, creates the first key, invites, changes a parameter, ends a leaked key, repairs a row, stops an account, protects the
stack, deletes it by mistake and deploys it on its table, rotates the key of links, and restores the table to a point in time. The
commands are those of docs/, as they stand there.
`--built` takes .aws-sam/build as it is. It stops at the first failure, with a sentence and exit status 1; no process is left.
"""

import os
import re
import sys
import tempfile
import time
from datetime import datetime, timedelta
from pathlib import Path

from caller import check
from emulator import Emulator
from incidents import incidents
from pages import blocks
from releases import releases, routes
from service import Failed
from terminal import TOOLS, Api, Operator, page

ARCHITECTURE = "arm64" if os.uname().machine in ("aarch64", "arm64") else "x86_64"
KEY = r"ik_live_[0-9A-Za-z_]+"
DELETE = """aws cloudformation delete-stack --stack-name invitations
aws cloudformation wait stack-delete-complete --stack-name invitations"""


def deploy(operator: Operator) -> None:
    """The first deployment."""
    first = {"AlarmEmail=ops@example.com": f"AlarmEmail=ops@example.com Architecture={ARCHITECTURE}"}
    operator.run(page("deploy.md", "## Build and deploy", **{"sam build\n": "", **first}))


def gaps(operator: Operator, api: Api) -> None:
    """Asks the emulator about what AWS does and it may not."""
    [stage] = operator.aws("apigatewayv2").get_stages(ApiId=api.id)["Items"]
    if not stage.get("DefaultRouteSettings", {}).get("ThrottlingRateLimit"):
        operator.cannot("throttling of the API", f"get-stages answers DefaultRouteSettings {stage.get('DefaultRouteSettings')}")
    group = "/aws/vendedlogs/invitations/invitations-api"
    if not operator.aws("logs").describe_log_streams(logGroupName=group)["logStreams"]:
        operator.cannot("access log of the API", "describe-log-streams answers []")
    deliveries = {invitation["delivery"]["state"] for invitation in api.everything() if "delivery" in invitation}
    if deliveries == {"sent"}:
        operator.cannot("delivery reports of SES", "every invitation stays at delivery.state sent")
    table = "aws dynamodb restore-table-to-point-in-time --source-table-name invitations-restored --target-table-name too-early"
    accepted, _ = operator.try_to(f"{table} --restore-date-time 2020-01-01T00:00:00Z", show=False)
    if accepted:
        operator.cannot("the point in time of a restore", "it restores a time before the table existed, which is the present")
    operator.aws("iam").create_user(UserName="nobody")
    key = operator.aws("iam").create_access_key(UserName="nobody")["AccessKey"]
    nobody = f"AWS_ACCESS_KEY_ID={key['AccessKeyId']} AWS_SECRET_ACCESS_KEY={key['SecretAccessKey']}"
    allowed, _ = operator.try_to(f"{nobody} aws dynamodb scan --table-name invitations-restored", show=False)
    if allowed:
        operator.cannot("permissions (IAM)", "a user without any policy may scan the table")


def accept(api: Api, token: str) -> None:
    response = Api(api.port, api.id, None).call("POST", "/invitations/accept", {"token": token})
    check(response.status == 200, "The link must be accepted.", response)


def opens(api: Api, token: str) -> bool:
    """Whether a link leads to an open invitation."""
    response = Api(api.port, api.id, None).call("POST", "/invitations/lookup", {"token": token})
    check(response.status in (200, 404), "A link must be found or not.", response)
    return response.status == 200


def listed(api: Api) -> dict[str, str]:
    """The states of all invitations by address."""
    return {invitation["email"]: invitation["state"] for invitation in api.everything()}


def rehearse(operator: Operator, built: bool) -> None:
    operator.step("Build")
    if not built:
        operator.run(f"sam build --parameter-overrides Architecture={ARCHITECTURE}")

    operator.step("Deploy")
    operator.run("aws sesv2 create-email-identity --email-identity invitations@example.com")
    deploy(operator)
    id = routes(operator)

    operator.step("Create the first key and invite")
    key = re.search(KEY, operator.run(operator.output("CreateApiKeyCommand")))
    check(key, "The command of the outputs must show a key.")
    api = Api(operator.emulator.port, id, key[0])
    url = f"http://127.0.0.1:{operator.emulator.port}/_aws/execute-api/{id}/\\$default"
    names = {"<key>": key[0], "<ApiUrl>": url, "<ManageApiKeysFunctionName>": "-"}
    # The first command of the block is the one of the outputs.
    operator.run("curl" + page("deploy.md", "## Create the first API key", **names).partition("\ncurl")[2])
    check(listed(api) == {"user.one@example.com": "invited"}, "The invitation must be in the list.", listed(api))
    first = operator.email("user.one@example.com")
    check(opens(api, first), "The link must work.")

    operator.step("Change a parameter: the functions see it")
    before = operator.configuration("CreateInvitationFunction")
    operator.run("sam deploy --parameter-overrides InvitationLifetimeSeconds=86400")
    after = operator.configuration("CreateInvitationFunction")
    changed = dict(set(after.items()) - set(before.items()))
    check(changed == {"INVITATION_LIFETIME_SECONDS": "86400"}, "This variable and no other must change.", sorted(changed))
    second = api.create("user.two@example.com")
    lifetime = datetime.fromisoformat(second["expiry"]) - datetime.fromisoformat(second["created"])
    check(abs(lifetime - timedelta(days=1)) < timedelta(minutes=1), "A new invitation must expire after a day.", second)

    releases(operator, api)
    incidents(operator, api)

    operator.step("Protect the stack; a deletion is refused")
    policy = operator.directory / "stack-policy.json"
    [text] = blocks("deploy.md", "## Protect the data", "json")
    policy.write_text(text)
    operator.run(page("deploy.md", "## Protect the data", 0, **{"stack-policy.json": str(policy)}))
    operator.run(page("deploy.md", "## Protect the data", 1))
    succeeded, output = operator.try_to("aws cloudformation delete-stack --stack-name invitations")
    check(not succeeded and "TerminationProtection" in output, "Termination protection must refuse it.", output)

    operator.step("Delete the stack by mistake: its table and its secret stay")
    second = operator.email("user.two@example.com")
    variables = operator.configuration("CreateInvitationFunction")
    operator.run("aws cloudformation update-termination-protection --stack-name invitations --no-enable-termination-protection")
    operator.run(DELETE)
    tables = operator.aws("dynamodb").list_tables()["TableNames"]
    check(tables == [variables["TABLE_NAME"]], "The table must be there.", tables)
    succeeded, output = operator.try_to(f"aws dynamodb delete-table --table-name {tables[0]}")
    check(not succeeded and "protect" in output, "Deletion protection must refuse it.", output)

    operator.step("Deploy a new stack on the table and the secret of the deleted one")
    parameters = {"parameters.yaml": str(operator.directory / "parameters.yaml")}
    with operator.in_own_folder():
        left = operator.run(page("restore.md", "## What the deleted stack was", 0))
        check(not left.strip(), "No stack of this name must be left.", left)
        operator.run(page("restore.md", "## What the deleted stack was", 1))
        operator.run(page("restore.md", "## The stack was deleted", 0))
    operator.run(page("restore.md", "## The stack was deleted", 1, **parameters))
    with operator.in_own_folder():
        found = operator.run(page("restore.md", "### After the deployment", 0))
    tables, secrets, rows, protected, *keys = found.splitlines()
    same = all(len(line.split()) == 2 and len(set(line.split())) == 1 for line in (tables, secrets, rows))
    # The emulator keeps what CloudFormation says as text.
    check(same and protected.strip('"') == "true" and keys, "The table must be the old one, with its secret, its rows and its keys.", found)
    again = operator.configuration("CreateInvitationFunction")
    same = [name for name in ("TABLE_NAME", "LINK_KEYS") if again[name] == variables[name]]
    check(same == ["TABLE_NAME", "LINK_KEYS"], "The functions must have the old table and key.", same)
    api.id = routes(operator)
    expected = {"user.one@example.com": "invited", "user.two@example.com": "invited"}
    check(listed(api) == expected, "The old key must list the old invitations.", listed(api))
    check(opens(api, first), "The old link must work.")
    accept(api, second)
    operator.notes("The old key and the old links work: user.two@example.com has accepted.")
    three = api.call("POST", "/invitations", {"email": "user.three@example.com", "roleID": "read-only"})
    check(three.status == 201, "A new invitation must be created.", three)
    third = operator.email("user.three@example.com")
    # The new event source mapping has read the whole stream again.
    check([len(operator.emails(f"user.{name}@example.com")) for name in ("one", "two")] == [1, 1], "Nobody must get a second copy.")

    rotate(operator, api, third)
    restore(operator, api)
    gaps(operator, api)


def rotate(operator: Operator, api: Api, old_link: str) -> None:
    operator.step("Rotate the key of links, while an email waits")
    function = operator.resources("AWS::Lambda::Function")["DeliverInvitationsFunction"]
    operator.run(f"aws lambda put-function-concurrency --function-name {function} --reserved-concurrent-executions 0")
    api.create("user.waits@example.com")
    before, old_secret = operator.configuration("DeliverInvitationsFunction")["LINK_KEYS"], operator.output("LinkKeyArn")
    operator.run(page("operations.md", "## Rotating link keys", 0))
    after = operator.configuration("DeliverInvitationsFunction")["LINK_KEYS"].split(",")
    check(len(after) == 2 and after[1] == before != after[0], "The new key must be first and the old one second.")
    check(not operator.emails("user.waits@example.com"), "The email must wait.")
    operator.run(f"aws lambda delete-function-concurrency --function-name {function}")
    check(opens(api, operator.email("user.waits@example.com")), "An email that waited must have a link of the old key.")
    api.create("user.four@example.com")
    new_link = operator.email("user.four@example.com")
    check(opens(api, old_link) and opens(api, new_link), "The links of both keys must work.")

    operator.step("Retire the old key")
    current = operator.output("LinkKeyArn")
    operator.run(page("operations.md", "## Rotating link keys", 1))
    # The emulator's Ref of a secret is its name, which its ARN contains.
    remaining = [it["ARN"] for it in operator.aws("secretsmanager").list_secrets()["SecretList"]]
    used, unused = (any(secret in arn for arn in remaining) for secret in (current, old_secret))
    check(used and not unused, "Only the old secret must be deleted.", current, old_secret, remaining)
    check(operator.configuration("DeliverInvitationsFunction")["LINK_KEYS"] == after[0], "Only the new key must be left.")
    accept(api, new_link)
    check(opens(api, old_link), "The link of the old key must work.")
    operator.notes("The link of the new key is accepted; that of the old one works too, because the table has its hash.")


def restore(operator: Operator, api: Api) -> None:
    operator.step("Restore the table to a point in time: stop requests")
    heading = "## The data is wrong"
    before, table, restored = listed(api), operator.output("TableName"), "invitations-restored"
    dynamodb = operator.aws("dynamodb")
    operator.run(page("restore.md", heading, 0))
    closed = api.call("GET", "/invitations")
    check(closed.status == 503 and closed.headers["Retry-After"], "Requests must be told to wait.", closed)

    operator.step("Restore, and give the table what it lacks")
    point = re.search(r"--restore-date-time (\S+)", page("restore.md", heading, 1))
    operator.run(page("restore.md", heading, 1, **{point[1]: time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}))
    bare = dynamodb.describe_table(TableName=restored)["Table"]
    check(not bare.get("LatestStreamArn") and not bare.get("DeletionProtectionEnabled"), "A restored table must have neither.", bare)
    operator.run(page("restore.md", heading, 2))
    old, new = (dynamodb.describe_table(TableName=name)["Table"] for name in (table, restored))
    for name in ("KeySchema", "StreamSpecification", "DeletionProtectionEnabled"):
        # The emulator keeps what CloudFormation says as text.
        check(str(old[name]).lower() == str(new[name]).lower(), f"The restored table must have the {name} of the old one.", old, new)
    for name in ("LocalSecondaryIndexes", "GlobalSecondaryIndexes"):
        indexes = [{index["IndexName"]: (index["KeySchema"], index["Projection"]) for index in it[name]} for it in (old, new)]
        check(indexes[0] == indexes[1], f"The restored table must have the {name} of the old one.", *indexes)

    def settings(name: str) -> tuple:
        backups = dynamodb.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
        recovery = backups["PointInTimeRecoveryDescription"]
        ttl = dynamodb.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
        return ttl.get("AttributeName"), ttl["TimeToLiveStatus"], recovery["PointInTimeRecoveryStatus"]

    template = ("ttl", "ENABLED", "ENABLED")
    check(settings(restored) == template, "And the other settings of the template.", settings(restored))
    if settings(table) != template:
        operator.cannot("deletion of expired rows and backups of a created table", f"describe-… answers {settings(table)}")

    operator.step("Move the stack to the restored table")
    operator.run(page("restore.md", heading, 3))
    check(operator.configuration("ListInvitationsFunction")["TABLE_NAME"] == restored, "The functions must use it.")
    [mapping] = operator.aws("lambda").list_event_source_mappings()["EventSourceMappings"]
    check(f"/{restored}/" in mapping["EventSourceArn"], "The stream must be that of the restored table.", mapping)
    operator.run(page("restore.md", heading, 4))
    check(table in dynamodb.list_tables()["TableNames"], "The old table must stay.")
    api.id = routes(operator)
    check(listed(api) == before, "The invitations must be those of the old table.", before, listed(api))
    api.create("user.five@example.com")
    accept(api, operator.email("user.five@example.com"))
    old, new = (dynamodb.scan(TableName=name, Select="COUNT")["Count"] for name in (table, restored))
    check(new > old, "New rows must be in the restored table.", old, new)


def main(arguments: list[str]) -> int:
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as directory:
        try:
            with Emulator(TOOLS / "ministack", Path(directory)) as emulator:
                operator = Operator(emulator, Path(directory))
                try:
                    rehearse(operator, built="--built" in arguments)
                except Failed:
                    print("\nLast lines of the emulator:", *emulator.lines[-30:], sep="\n    ", file=sys.stderr)
                    raise
                corrected = [f"{line}; tests/emulator.py corrects it" for line in emulator.corrections()]
                print("\nNot rehearsed here, as the emulator says:")
                for line in dict.fromkeys(operator.not_rehearsed + corrected):
                    print(f"- {line}")
        except Failed as error:
            print(f"FAILED: {error}", file=sys.stderr)
            return 1
    print(f"\nRehearsal: passed in {(time.monotonic() - began) / 60:.1f} minutes.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
