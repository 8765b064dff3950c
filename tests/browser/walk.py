"""The whole way against `make run`: an invitation, its mail, its link, an answer, and what the API says then."""

import html
import http.client
import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from playwright.sync_api import Browser

from end_to_end import Caller
from service import Service

from .chromium import DESK, check, visit

IN_TIME = 30  # seconds, for a mail to arrive and for the table to be at rest
ACCOUNT = "012345678912"


class Sent(NamedTuple):
    """An invitation, and the token of the link in its mail."""

    id: str
    mail: dict
    link: str

    @property
    def token(self) -> str:
        return self.link.split("#")[1]


class World:
    """The service, seen from all sides."""

    def __init__(self, service: Service, browser: Browser):
        self.service, self.browser = service, browser
        self.api = Caller(service.port, None)
        inviter = {"action": "create", "account": ACCOUNT, "role": "full-access", "name": "Jane Doe"}
        self.api.key = self.invoke("manage-api-keys", inviter)["key"]
        self.settings(name="Example Ltd")
        self.origin = f"http://127.0.0.1:{service.port}"
        self.inbox = f"http://127.0.0.1:{service.inbox_port}"

    def mails(self, email: str) -> list[dict]:
        """The mails to an address, newest first."""
        answer = Caller(self.service.inbox_port, None).call("GET", "/mails.json")
        check(answer.status == 200, "The inbox must show its mails.", answer)
        return [mail for mail in json.loads(answer.text) if mail["to"] == [email]]

    def mailed(self, id: str, email: str, count: int = 1) -> Sent:
        """The invitation once this many mails have arrived for it."""
        mail = wait(lambda: (found := self.mails(email)) and len(found) >= count and found[0], f"mail {count} to {email}")
        start = re.escape(f"{self.origin}/accept#")
        texts = re.findall(rf"{start}\S+", mail["text"])
        hrefs = [html.unescape(href) for href in re.findall(r'href="([^"]*)"', mail["html"])]
        check(len(texts) == 1 and set(texts) == set(hrefs), "Both parts must have the same one link.", texts, hrefs)
        return Sent(id, mail, texts[0])

    def invite(self, email: str) -> Sent:
        return self.mailed(self.api.create(email)["id"], email)

    def state(self, id: str) -> str:
        return self.api.call("GET", f"/invitations/{id}").json["state"]

    def open(self, sent: Sent, **options: object):
        return visit(self.browser, self.origin, sent.token, viewport=DESK, **options)

    def invoke(self, function: str, event: dict) -> dict:
        return self.api.call("POST", f"/2015-03-31/functions/{function}/invocations", event).json

    def settings(self, **settings: str) -> None:
        answer = self.invoke("manage-account-settings", {"action": "set", "account": ACCOUNT} | settings)
        check(settings.items() <= answer.items(), "The account's settings must be set.", answer)

    # --- The table, past the service ----------------------------------------------------------------------------------

    def dynamodb(self, operation: str, **fields: object) -> dict:
        connection = http.client.HTTPConnection("127.0.0.1", self.service.dynamodb_port, timeout=40)
        headers = {
            "Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": f"DynamoDB_20120810.{operation}",
            # The local engine wants a signature and does not check it.
            "X-Amz-Date": "20300101T000000Z",
            "Authorization": "AWS4-HMAC-SHA256 Credential=local/20300101/us-east-1/dynamodb/aws4_request, "
                             "SignedHeaders=host;x-amz-date, Signature=0",
        }
        connection.request("POST", "/", json.dumps({"TableName": "invitations"} | fields), headers)
        response = connection.getresponse()
        text = response.read().decode()
        connection.close()
        check(response.status == 200, f"{operation} must work.", text)
        return json.loads(text)

    def rows(self) -> list[str]:
        """All rows of the table."""
        answer = self.dynamodb("Scan")
        check("LastEvaluatedKey" not in answer, "The table must fit one page.")
        return sorted(json.dumps(row, sort_keys=True) for row in answer["Items"])

    def rows_at_rest(self) -> list[str]:
        """All rows, once nothing that was begun goes on: no row rings for the deliverer, and a second does not change any."""
        def rest() -> list[str] | None:
            before = self.rows()
            time.sleep(1)
            return before if self.rows() == before and not any('"stream_pending"' in row for row in before) else None
        return wait(rest, "a table at rest")

    def expire(self, id: str) -> None:
        """Has an invitation expire a minute ago. The shortest lifetime is too long to wait for."""
        key = {"pk": {"S": f"A#{ACCOUNT}"}, "sk": {"S": f"I#{id}"}}
        past = {":past": {"N": str((int(time.time()) - 60) * 1000)}}
        self.dynamodb("UpdateItem", Key=key, UpdateExpression="SET exp = :past", ExpressionAttributeValues=past)


def wait(condition: Callable[[], object], what: str):
    end = time.monotonic() + IN_TIME
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.1)
    check(False, f"There must be {what} within {IN_TIME} s.")


def accept(world: World, screenshots: Path | None) -> None:
    """As a person would: the inbox, the mail, the link in it, the button."""
    sent = world.invite("walk.accept@example.com")
    with world.open(sent, quiet=False, **({"device_scale_factor": 1.5} if screenshots else {})) as found:
        if screenshots:
            found.open(f"{world.inbox}/mails/{sent.mail['id']}/html")
            found.page.set_viewport_size({"width": 640, "height": 520})
            found.page.screenshot(path=screenshots / "mail.png")
        found.open(f"{world.inbox}/mails/{sent.mail['id']}")
        with found.context.expect_page() as opened:
            found.page.frame_locator("iframe").locator(f'a[href="{sent.link}"]').first.click()
        found.page = opened.value
        found.sees("Jane Doe invites you to Example Ltd").says("walk.accept@example.com", "read-only").offers("Accept", "Decline")
        check(found.page.url == f"{world.origin}/accept", "The token must have left the address.", found.page.url)
        if screenshots:
            found.page.set_viewport_size({"width": 640, "height": 640})
            found.page.screenshot(path=screenshots / "page.png")
        check(world.state(sent.id) == "invited", "Looking must not accept.")
        found.press("Accept")
        found.sees("You have accepted")
        check(world.state(sent.id) == "accepted", "The API must say that it is accepted.")
        found.page.reload()
        found.sees("This invitation has already been accepted")


def endings(world: World) -> None:
    """Every other thing that can become of a link."""
    declined, revoked, expired, resent = (world.invite(f"walk.{what}@example.com") for what in ("decline", "revoke", "expire", "resend"))
    with world.open(declined) as found:
        found.open(declined.link)
        found.press("Decline")
        found.press("Decline it")
        found.sees("You have declined")
        check(world.state(declined.id) == "declined", "The API must say that it is declined.")
    with world.open(revoked) as found:
        found.open(revoked.link)
        found.page.get_by_role("button", name="Accept").wait_for()
        answer = world.api.call("POST", f"/invitations/{revoked.id}", {"state": "revoked"})
        check(answer.status == 200, "It must be possible to revoke it.", answer)
        found.press("Accept")
        found.sees("This invitation was withdrawn").offers()
    with world.open(revoked) as found:
        found.open(revoked.link).sees("This invitation was withdrawn")
    world.expire(expired.id)
    with world.open(expired) as found:
        found.open(expired.link).sees("This invitation has expired").offers()
    answer = wait(lambda: (it := world.api.call("POST", f"/invitations/{resent.id}")).status == 200 and it, "a resend")
    check(answer.status == 200, "It must be possible to send it again.", answer)
    newer = world.mailed(resent.id, "walk.resend@example.com", 2)
    for link in (resent.link, resent.link[:-1], f"{world.origin}/accept#x", newer.link + "x"):
        with world.open(resent) as found:
            found.open(link).sees("This link does not work").offers()
    with world.open(newer) as found:
        found.open(newer.link)
        found.press("Accept")
        found.sees("You have accepted")


def sign_in(world: World) -> None:
    """An account that wants its application to say who accepts."""
    redirect = f"{world.origin}/host/invitations"
    sent = world.invite("walk.signin@example.com")
    world.settings(redirect=redirect, binding="email", colour="#c8102e")
    with world.open(sent) as found:
        found.open(sent.link)
        found.page.get_by_role("link", name="Sign in to accept").wait_for()
        found.is_sound()
        check(found.link("Sign in to accept")["href"] == f"{redirect}#{sent.token}", "The link must carry the token.")
        refused = Caller(world.service.port, None).call("POST", "/invitations/accept", {"token": sent.token})
        check((refused.status, refused.json["code"]) == (403, "sign-in-required"), "The link alone must not do.", refused)
    world.settings(binding="bearer")
    with world.open(sent) as found:
        found.open(sent.link)
        found.press("Accept")
        found.sees("You have accepted").says("Example Ltd").offers("Continue")
        check(found.link("Continue")["href"] == redirect, "The way on must be the account's.")


def only_posts_write(world: World) -> None:
    """T1: whatever is asked for without a POST, and whoever looks, the table stays as it is, to the byte."""
    sent = world.invite("walk.scanner@example.com")
    before = world.rows_at_rest()
    token = sent.token
    paths = [
        "/accept", f"/accept?token={token}", f"/accept/{token}", "/invitations/accept", f"/invitations/accept?token={token}",
        f"/invitations/decline?token={token}", f"/invitations/lookup?token={token}", f"/invitations/{sent.id}", f"/{token}", "/",
    ]
    for path in paths:
        for method in ("GET", "HEAD", "OPTIONS"):
            for body in (None, {"token": token}):
                answer = world.api.call(method, path, body)
                check(token not in f"{answer.headers}{answer.text}", f"{method} {path} must not repeat the token.", answer)
    with world.open(sent) as found:
        found.open(sent.link)
        found.page.get_by_role("button", name="Accept").wait_for()
        for _ in range(3):
            found.page.reload()
            found.page.get_by_role("button", name="Accept").wait_for()
    with world.open(sent, java_script_enabled=False) as found:
        found.open(sent.link).says("This page needs JavaScript")
    check(world.rows() == before, "The table must be as it was.", *set(world.rows()) ^ set(before))
    check(world.state(sent.id) == "invited", "It must be open still.")
    # And this would have been noticed.
    answer = Caller(world.service.port, None).call("POST", "/invitations/decline", {"token": token})
    check(answer.status == 200 and world.rows() != before, "A POST must write.", answer)
