"""What must be so after the load, held against the book of what callers were told. See load.py."""

import http.client
import json
import time
from collections import Counter, defaultdict
from datetime import datetime
from itertools import pairwise

from end_to_end import Caller
from load_callers import MAX_SENDS, Book, Invitation, Post

AGAIN = 150  # a mail of which nothing is known is claimed for 180 s; SES may get it some seconds after that began
DUE = 400  # seconds within which whatever is due is looked at again


def lacking(invitation: Invitation, post: Post) -> str | None:
    """What the world was not yet told of it."""
    if invitation.state == "invited" and not post.mails.get((invitation.id, invitation.sends)):
        return f"no mail of sending {invitation.sends}"
    told = Counter(event["type"] for event in post.events.get(invitation.id, {}).values())
    expected = Counter(created=1, resent=invitation.sends - 1)
    if invitation.state != "invited":
        expected[invitation.state] += 1
    if missing := expected - told:
        return f"no event of {dict(missing)}"
    return None


def settle(book: Book, post: Post, patience: float) -> dict[str, str]:
    """Waits until nothing is lacking, and returns what still is when there is no more patience."""
    end = time.monotonic() + patience
    while True:
        post.fetch(book)
        left = {one.id: what for one in book.invitations.values() if (what := lacking(one, post))}
        if not left or time.monotonic() > end:
            return left
        time.sleep(1)


def row(port: int, account: str, invitation: str) -> dict | None:
    """The row of an invitation, from the engine itself. It wants a signature, and does not look whose."""
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


def check_due(book: Book, post: Post, left: dict[str, str], dynamodb_port: int) -> dict[str, str]:
    """What was not done must be due: then the reconciler finds it, whoever died. Returns what is still not done."""
    items = {id: row(dynamodb_port, book.invitations[id].account, id) for id in left}
    # The couriers go on. What a row says is done was done before: so it is found now, if not a moment ago.
    post.fetch(book)
    left = {id: what for id in left if (what := lacking(book.invitations[id], post))}
    for id, what in left.items():
        due = (items[id] or {}).get("due_at")
        if due is None or int(due["N"]) / 1000 > time.time() + DUE:
            book.wrong(f"an invitation has {what}, and will not be looked at", items[id])
    return left


def check_lists(book: Book, callers: dict[str, Caller]) -> None:
    """The table holds what was told, once, and nothing else."""
    for account, caller in callers.items():
        listed = caller.everything()
        by_id = {shown["id"]: shown for shown in listed}
        if len(by_id) != len(listed):
            book.wrong(f"a list of {account} shows something twice")
        told = {one.id: one for one in book.invitations.values() if one.account == account}
        for id in told.keys() - by_id.keys():
            book.wrong("an invitation that was told does not exist", told[id])
        for id in by_id.keys() - told.keys():
            book.wrong("an invitation exists that nobody was told of", by_id[id])
        for id in told.keys() & by_id.keys():
            if (by_id[id]["state"], by_id[id]["email"]) != (told[id].state, told[id].email):
                book.wrong("an invitation is in another state than was told last", told[id], by_id[id])
        opened = Counter(shown["email"] for shown in listed if shown["state"] == "invited")
        for email, count in opened.items():
            if count > 1:
                book.wrong(f"an address has {count} open invitations", account, email)
        for _, email, holder in (taken for taken in book.taken if taken[0] == account):
            if holder not in by_id or by_id[holder]["email"] != email:
                book.wrong("a 400 named an invitation that is not of this address", email, holder)


def check_mails(book: Book, post: Post) -> tuple[int, int]:
    """No mail that nobody asked for. Returns how many sendings were mailed, and how many copies came besides."""
    copies = 0
    for (id, sending), mails in post.mails.items():
        one = book.invitations.get(id)
        if one is None or not 1 <= sending <= min(one.sends, MAX_SENDS):
            book.wrong("a mail for a sending that nobody asked for", id, sending, one)
            continue
        if any(to != [one.email] for _, _, to in mails):
            book.wrong("a mail went to another address", one, [to for _, _, to in mails])
        if len({token for _, token, _ in mails}) != 1:
            book.wrong("two mails of one sending have different links", one)
        moments = sorted(datetime.fromisoformat(when.replace("Z", "+00:00")).timestamp() for when, _, _ in mails)
        copies += len(moments) - 1
        for earlier, later in pairwise(moments):
            if later - earlier < AGAIN:
                book.wrong(f"one sending was mailed twice within {later - earlier:.1f} s", one)
    return len(post.mails), copies


def check_events(book: Book, post: Post, left: dict[str, str]) -> int:
    """Of each invitation all events, in a row from 1, and each effect once. Returns how many there are."""
    for id, events in post.events.items():
        one = book.invitations.get(id)
        if one is None:
            book.wrong("an event of an invitation that nobody was told of", id, events)
            continue
        if id not in left and sorted(events) != list(range(1, len(events) + 1)):
            book.wrong("the events of an invitation are not numbered without gaps", one, sorted(events))
        told = Counter(events[number]["type"] for number in events)
        most = Counter(created=1, resent=one.sends - 1, delivered=one.sends, **({} if one.state == "invited" else {one.state: 1}))
        if surplus := told - most:
            book.wrong(f"events tell of more than was done: {dict(surplus)}", one, dict(told))
    return sum(map(len, post.events.values()))


def recoveries(kills: list[tuple[float, list[str]]], asked: defaultdict, successes: defaultdict) -> tuple[list[float], int]:
    """For each kill and each kind of request that it hit: the time from the first that was begun after it to the first success of
    those. Before that nobody asks, and nothing starts a function. And how many of them had no success, because none was asked for any
    more."""
    times, none = [], 0
    for moment, kinds in kills:
        for kind in kinds:
            first = min((began for began in asked[kind] if began > moment), default=None)
            answered = [end for began, end in successes[kind] if began > moment]
            times += [min(answered) - first] if answered else []
            none += not answered
    return times, none
