"""Incidents, staged in a deployed stack, and the commands of docs/incidents.md against them."""

import json
import re
import time

from caller import check, lasting
from terminal import Api, Operator, page

KEY = r"ik_live_[0-9]{12}_([0-9A-Za-z]{12})_[0-9A-Za-z_]+"
# Another account than that of the other steps.
CUSTOMER = "210987654321"
REMEMBERED = 30  # seconds for which a function remembers a key
# What the service changes in a row by itself.
CHANGES = ("rev", "due_at")


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

    read = page("incidents.md", section, 1)
    repair = read + "".join(page("incidents.md", section, number) for number in (3, 4, 5))
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
    output = operator.run(f"account={CUSTOMER} id={created['id']}\n{read}" + "".join(page("incidents.md", section, it) for it in (4, 7)))
    gone = customer.call("GET", path)
    check(gone.status == 404, "The row must be gone.", output, gone)
    customer.create(address)


def stopped_account(operator: Operator, customer: Api) -> None:
    operator.step("Incident: an account must be stopped, and may go on later")
    section, known = "## Stopping an account", f"account={CUSTOMER}\n"
    output = operator.run(page("incidents.md", section, 0, **{"account=…": known.strip()}))
    check("stopped.invalid" in output, "The settings must allow no domain.", output)
    states = {invitation["state"] for invitation in customer.everything()}
    operator.run(known + page("incidents.md", section, 1))
    after = {invitation["state"] for invitation in customer.everything()}
    check("invited" in states and after == {"revoked"}, "All open invitations must be revoked.", states, after)
    output = operator.run(known + page("incidents.md", section, 2))
    check("stopped.invalid" not in output, "The settings must be those of before.", output)
    operator.run(known + page("incidents.md", section, 3))
    keys = [json.loads(line) for line in operator.run(f"list_keys {CUSTOMER}").splitlines()]
    check(keys and not any(key["enabled"] for key in keys), "All keys must be disabled.", keys)
