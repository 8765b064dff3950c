"""Incidents, staged in a deployed stack, and the commands of docs/incidents.md and docs/rows.md against them."""

import json
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from caller import check, lasting, until
from terminal import Api, Operator, page

KEY = r"ik_live_[0-9]{12}_([0-9A-Za-z]{12})_[0-9A-Za-z_]+"
# Another account than that of the other steps.
CUSTOMER = "210987654321"
REMEMBERED = 30  # seconds for which a function remembers a key
# What the service changes in a row by itself.
CHANGES = ("rev", "due_at")
# Attributes of a row for which work waits.
WAITING = ("pending", "out")


def incidents(operator: Operator, api: Api) -> None:
    with operator.in_own_folder():
        leaked_key(operator, api)


def leaked_key(operator: Operator, api: Api) -> None:
    operator.step("Incident: a key has leaked. End it without an interruption")
    event = json.dumps({"action": "create", "account": CUSTOMER, "role": "full-access", "name": "Jane Doe"})
    key = re.search(KEY, operator.run(f"operate ManageApiKeys '{event}'"))
    check(key, "The operator must get a key.")
    customer = Api(api.port, api.id, key[0])
    customer.create("user.six@example.com")
    leaked = f"account={CUSTOMER} leaked={key[1]}\n"
    new = re.search(KEY, operator.run(leaked + page("incidents.md", "### End it", 0)))
    check(new and new[1] != key[1], "There must be a new key.")
    output = operator.run(leaked + page("incidents.md", "### End it", 2))
    check(output.endswith('"enabled":false}\n'), "The leaked key must be disabled.", output)
    disabled = time.monotonic()
    keys = [json.loads(line) for line in operator.run(f"list_keys {CUSTOMER}").splitlines()]
    check(len(keys) == 2 and {(it["role"], it["name"]) for it in keys} == {("full-access", "Jane Doe")}, "Both must be alike.", keys)

    customer.key = new[0]
    edited_row(operator, customer)
    edited_rows(operator, customer)
    stopped_account(operator, customer)

    time.sleep(max(0.0, disabled + REMEMBERED + 1 - time.monotonic()))
    refused = Api(api.port, api.id, key[0]).call("GET", "/invitations")
    check(refused.status == 401, "The leaked key must be refused.", refused)
    operator.notes("The leaked key is refused.")


def edited_row(operator: Operator, customer: Api) -> None:
    operator.step("Incident: somebody has edited a row. Find and write the right value")
    section, table, dynamodb = "## A row cannot be read", operator.output("TableName"), operator.aws("dynamodb")
    reconciler = operator.resources("AWS::Lambda::Function")["ReconcileDeliveriesFunction"]
    address = "user.seven@example.com"
    created = customer.create(address)
    operator.email(address)
    path, key = f"/invitations/{created['id']}", {"pk": {"S": f"A#{CUSTOMER}"}, "sk": {"S": f"I#{created['id']}"}}

    def row() -> dict:
        return {name: value for name, value in dynamodb.get_item(TableName=table, Key=key)["Item"].items() if name not in CHANGES}

    read = page("rows.md", section, 2)
    repair = read + "".join(page("rows.md", section, number) for number in (3, 4, 5))
    # So that the row is due until the operator looks.
    operator.aws("lambda").put_function_concurrency(FunctionName=reconciler, ReservedConcurrentExecutions=0)
    for name in ("exp", "by_role"):
        before = row()
        dynamodb.update_item(TableName=table, Key=key, UpdateExpression="REMOVE #name", ExpressionAttributeNames={"#name": name})
        if name == "exp":
            broken = customer.call("GET", path)
            check(broken.status == 500, "The row must not be readable.", broken)
        operator.run(f"account={CUSTOMER} id={created['id']} name={name}\n{repair}")
        check(row() == before, f"{name} must have its value again.", before, row())
    described = customer.call("GET", path)
    check(lasting(described.json) == lasting(created), "It must be what it was.", described, created)
    waiting = operator.run(page("incidents.md", "## Emails or events are not sent", 4))
    check(waiting.split() == ["1", CUSTOMER], "The repaired row must be due, and no other.", waiting)
    operator.aws("lambda").delete_function_concurrency(FunctionName=reconciler)

    operator.step("Incident: nothing can be saved of a row. Delete it, and its address can be invited again")
    output = operator.run(f"account={CUSTOMER} id={created['id']}\n{read}" + "".join(page("rows.md", section, it) for it in (4, 7)))
    gone = customer.call("GET", path)
    check(gone.status == 404, "The row must be gone.", output, gone)
    customer.create(address)


def edited_rows(operator: Operator, customer: Api) -> None:
    operator.step("Incident: somebody has edited rows, and they read well. Find them, and none that requests or the service have changed")
    unreadable, find, compare = "## A row cannot be read", "## Find edited rows", "## Compare with a backup"
    table, dynamodb = operator.output("TableName"), operator.aws("dynamodb")
    names = ("role", "both", "revoked", "changed", "untouched")
    ids = {name: customer.create(f"user.{name}@example.com")["id"] for name in names}

    def key(name: str) -> dict:
        return {"pk": {"S": f"A#{CUSTOMER}"}, "sk": {"S": f"I#{ids[name]}"}}

    def settled() -> bool:
        rows = [dynamodb.get_item(TableName=table, Key=key(name))["Item"] for name in names]
        return all("delivery" in row and not any(attribute in row for attribute in WAITING) for row in rows)

    # A write of the service would make the index attributes follow an edit.
    until(settled, "The emails must be sent.", 150)
    reconciler = operator.resources("AWS::Lambda::Function")["ReconcileDeliveriesFunction"]
    operator.aws("lambda").put_function_concurrency(FunctionName=reconciler, ReservedConcurrentExecutions=0)
    shell = page("rows.md", find, 0, **{"account=…": f"account={CUSTOMER}"})
    point = re.search(r"--restore-date-time (\S+)", page("rows.md", compare, 0))[1]
    operator.run(shell + page("rows.md", compare, 0, **{point: f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"}))

    def edit(name: str, **attributes: str) -> None:
        dynamodb.update_item(
            TableName=table,
            Key=key(name),
            UpdateExpression="SET " + ", ".join(f"#{it} = :{it}" for it in attributes),
            ExpressionAttributeNames={f"#{it}": it for it in attributes},
            ExpressionAttributeValues={f":{it}": {"S": value} for it, value in attributes.items()},
        )

    edit("role", role="full-access")
    edit("both", role="full-access", by_role=f"full-access#{ids['both']}")
    for name, body in (("revoked", {"state": "revoked"}), ("changed", {"roleID": "full-access"})):
        response = customer.call("POST", f"/invitations/{ids[name]}", body)
        check(response.status == 200, "The request must succeed.", response)
    customer.create("user.later@example.com")

    def found(commands: str, show: bool = True) -> dict[tuple[str, str], str]:
        lines = [line.split("\t") for line in operator.run(shell + commands, show).splitlines() if "\t" in line]
        owners = {id: name for name, id in ids.items()}
        return {(owners.get(line[0], line[0]), line[1]): line[-1] for line in lines}

    contradicting = found(page("rows.md", find, 1))
    check(list(contradicting) == [("role", "by_role")], "Of these, one row must contradict itself.", contradicting)
    comparison = page("rows.md", find, 1) + page("rows.md", compare, 1)
    different = {it: text for it, text in found(comparison).items() if it not in contradicting}
    expected = {("role", "edited"), ("both", "edited"), ("changed", "edited, or by a request")}
    check(set(different) == expected, "These rows must differ from the backup, and no others.", different)
    check("by_role" in different["both", "edited"], "The attributes must be named.", different)

    operator.aws("lambda").delete_function_concurrency(FunctionName=reconciler)

    operator.step("Incident: repair them with the values of the backup")
    repair = page("rows.md", unreadable, 2) + page("rows.md", compare, 2) + page("rows.md", unreadable, 5)
    for name, attribute in (("role", "role"), ("both", "role"), ("both", "by_role")):
        operator.run(f"account={CUSTOMER} id={ids[name]} name={attribute}\n{repair}")
    left = found(comparison, show=False)
    check(set(left) == {("changed", "edited, or by a request")}, "No edit must be left.", left)
    roles = {name: customer.call("GET", f"/invitations/{ids[name]}").json["roleID"] for name in names}
    right = {**dict.fromkeys(names, "read-only"), "changed": "full-access"}
    check(roles == right, "The roles must be right again.", roles)
    dynamodb.delete_table(TableName="invitations-check")


def stopped_account(operator: Operator, customer: Api) -> None:
    operator.step("Incident: an account must be stopped, and may go on later")
    section, known = "## Stopping an account", f"account={CUSTOMER}\n"
    output = operator.run(page("incidents.md", section, 0, **{"account=…": known.strip()}))
    check("stopped.invalid" in output, "The settings must allow no domain.", output)

    def states(created: Callable[[dict], bool]) -> set[str]:
        return {invitation["state"] for invitation in customer.everything() if created(invitation)}

    times = sorted(invitation["created"] for invitation in customer.everything() if invitation["state"] == "invited")
    check(times[0] < times[-1], "Open invitations must be of several times.", times)
    # Times have whole seconds.
    since = f"{datetime.fromisoformat(times[0]) + timedelta(seconds=1):%Y-%m-%dT%H:%M:%SZ}"
    operator.run(known + page("incidents.md", section, 2, **{"since=…": f"since={since}"}))
    check(states(lambda it: it["created"] > since) == {"revoked"}, "The later invitations must be revoked.", since, customer.everything())
    check("invited" in states(lambda it: it["created"] < since), "The earlier ones must stay.", since, customer.everything())
    operator.run(known + page("incidents.md", section, 2, **{"since=…": "since=2000-01-01T00:00:00Z", "sleep 30": ":"}))
    check(states(lambda _: True) == {"revoked"}, "All open invitations must be revoked.", customer.everything())
    # Their events are published now, so nothing of them waits.
    waiting = page("incidents.md", "## Emails or events are not sent", 4)
    until(lambda: not operator.run(waiting, show=False), "The account must be gone.", 150)
    output = operator.run(known + page("incidents.md", section, 3))
    check("stopped.invalid" not in output, "The settings must be those of before.", output)
    operator.run(known + page("incidents.md", section, 4))
    keys = [json.loads(line) for line in operator.run(f"list_keys {CUSTOMER}").splitlines()]
    check(keys and not any(key["enabled"] for key in keys), "All keys must be disabled.", keys)
