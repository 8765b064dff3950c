"""Checks after the load: the service's state against the responses of all callers. See load.py."""

import http.client
import json
import time
from collections import Counter, defaultdict
from datetime import datetime
from itertools import pairwise

from caller import Caller
from load_callers import MAX_SENDS, Inbox, Invitation, Records

AGAIN = 150  # an email without a reply is claimed for 180 s, and SES may receive it some seconds after the claim began
DUE = 400  # seconds within which the reconciler retries


def missing(invitation: Invitation, inbox: Inbox) -> str | None:
    """The email or event of an invitation that is not yet sent."""
    if invitation.state == "invited" and not inbox.emails.get((invitation.id, invitation.sends)):
        return f"no email of sending {invitation.sends}"
    published = Counter(event["type"] for event in inbox.events.get(invitation.id, {}).values())
    expected = Counter(created=1, resent=invitation.sends - 1)
    if invitation.state != "invited":
        expected[invitation.state] += 1
    if absent := expected - published:
        return f"no event of {dict(absent)}"
    return None


def wait_for_deliveries(records: Records, inbox: Inbox, patience: float) -> dict[str, str]:
    """Waits until nothing is missing, and returns what still is after `patience` seconds."""
    end = time.monotonic() + patience
    while True:
        inbox.fetch(records)
        left = {one.id: what for one in records.invitations.values() if (what := missing(one, inbox))}
        if not left or time.monotonic() > end:
            return left
        time.sleep(1)


def row(port: int, account: str, invitation: str) -> dict | None:
    """The row of an invitation, from the engine. It requires a signature but does not check it."""
    headers = {
        "Content-Type": "application/x-amz-json-1.0",
        "X-Amz-Target": "DynamoDB_20120810.GetItem",
        "X-Amz-Date": "20260101T000000Z",
        "Authorization": "AWS4-HMAC-SHA256 Credential=local/20260101/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0",
    }
    key = {"pk": {"S": f"A#{account}"}, "sk": {"S": f"I#{invitation}"}}
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("POST", "/", json.dumps({"TableName": "invitations", "ConsistentRead": True, "Key": key}), headers)
        return json.loads(connection.getresponse().read()).get("Item")
    finally:
        connection.close()


def check_due(records: Records, inbox: Inbox, left: dict[str, str], dynamodb_port: int) -> dict[str, str]:
    """Missing deliveries must be due, so that the reconciler finds them. Returns those that are still missing."""
    items = {id: row(dynamodb_port, records.invitations[id].account, id) for id in left}
    # The couriers continue. If a row records a delivery, the inbox already has it.
    inbox.fetch(records)
    left = {id: what for id in left if (what := missing(records.invitations[id], inbox))}
    for id, what in left.items():
        item = items[id] or {}
        due = [int(item[name]["N"]) / 1000 for name in ("late_at", "due_at") if name in item]
        if not due or min(due) > time.time() + DUE:
            records.wrong(f"an invitation has {what}, and is not due", items[id])
    return left


def check_lists(records: Records, callers: dict[str, Caller]) -> None:
    """The lists match the responses exactly."""
    for account, caller in callers.items():
        listed = caller.everything()
        by_id = {shown["id"]: shown for shown in listed}
        if len(by_id) != len(listed):
            records.wrong(f"a list of {account} has duplicates")
        expected = {one.id: one for one in records.invitations.values() if one.account == account}
        for id in expected.keys() - by_id.keys():
            records.wrong("a created invitation does not exist", expected[id])
        for id in by_id.keys() - expected.keys():
            records.wrong("an invitation exists that no response mentioned", by_id[id])
        for id in expected.keys() & by_id.keys():
            if (by_id[id]["state"], by_id[id]["email"]) != (expected[id].state, expected[id].email):
                records.wrong("an invitation is in another state than in the last response", expected[id], by_id[id])
        opened = Counter(shown["email"] for shown in listed if shown["state"] == "invited")
        for email, count in opened.items():
            if count > 1:
                records.wrong(f"an address has {count} open invitations", account, email)
        for _, email, holder in (taken for taken in records.taken if taken[0] == account):
            if holder not in by_id or by_id[holder]["email"] != email:
                records.wrong("a 400 named an invitation of another address", email, holder)


def check_emails(records: Records, inbox: Inbox) -> tuple[int, int]:
    """Only requested emails. Returns the number of sendings that were emailed, and of second copies."""
    copies = 0
    for (id, sending), emails in inbox.emails.items():
        one = records.invitations.get(id)
        if one is None or not 1 <= sending <= min(one.sends, MAX_SENDS):
            records.wrong("an email for a sending that was not requested", id, sending, one)
            continue
        if any(to != [one.email] for _, _, to in emails):
            records.wrong("an email went to another address", one, [to for _, _, to in emails])
        if len({token for _, token, _ in emails}) != 1:
            records.wrong("two emails of one sending have different links", one)
        moments = sorted(datetime.fromisoformat(when.replace("Z", "+00:00")).timestamp() for when, _, _ in emails)
        copies += len(moments) - 1
        for earlier, later in pairwise(moments):
            if later - earlier < AGAIN:
                records.wrong(f"one sending was emailed twice within {later - earlier:.1f} s", one)
    return len(inbox.emails), copies


def check_events(records: Records, inbox: Inbox, left: dict[str, str]) -> int:
    """The events of each invitation are numbered from 1 without gaps, and each effect has one event. Returns their number."""
    for id, events in inbox.events.items():
        one = records.invitations.get(id)
        if one is None:
            records.wrong("an event of an invitation that no response mentioned", id, events)
            continue
        if id not in left and sorted(events) != list(range(1, len(events) + 1)):
            records.wrong("the events of an invitation are not numbered without gaps", one, sorted(events))
        published = Counter(events[number]["type"] for number in events)
        most = Counter(created=1, resent=one.sends - 1, delivered=one.sends, **({} if one.state == "invited" else {one.state: 1}))
        if surplus := published - most:
            records.wrong(f"more events than effects: {dict(surplus)}", one, dict(published))
    return sum(map(len, inbox.events.values()))


def recoveries(kills: list[tuple[float, list[str]]], asked: defaultdict, successes: defaultdict) -> tuple[list[float], int]:
    """For each kill and each kind of request that it affects: seconds from the first request after the kill to the first success.
    Before that request nothing starts the function. Also returns how many had no success, because no request followed."""
    times, none = [], 0
    for moment, kinds in kills:
        for kind in kinds:
            first = min((began for began in asked[kind] if began > moment), default=None)
            succeeded = [end for began, end in successes[kind] if began > moment]
            times += [min(succeeded) - first] if succeeded else []
            none += not succeeded
    return times, none
