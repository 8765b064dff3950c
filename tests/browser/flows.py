"""Whole flows against `make run`: from an invitation through its email and link to a decision, and its state in the API."""

import html
import http.client
import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from caller import Caller
from playwright.sync_api import Browser
from service import Failed, Service

from .chromium import DESK, check, visit

IN_TIME = 30  # seconds, until an email arrives, and until the table no longer changes
ACCOUNT = "012345678912"


class Sent(NamedTuple):
    """An invitation and its email."""

    id: str
    email: dict
    link: str

    @property
    def token(self) -> str:
        return self.link.split("#")[1]


class Fixture:
    """The running service: its API, inbox, table and page."""

    def __init__(self, service: Service, browser: Browser):
        self.service, self.browser = service, browser
        self.api = Caller(service.port, None)
        inviter = {"action": "create", "account": ACCOUNT, "role": "full-access", "name": "Jane Doe"}
        self.api.key = self.invoke("manage-api-keys", inviter)["key"]
        self.settings(name="Example Ltd")
        self.origin = f"http://127.0.0.1:{service.port}"
        self.inbox = f"http://127.0.0.1:{service.inbox_port}"

    def emails(self, address: str) -> list[dict]:
        """The emails to an address, newest first."""
        response = Caller(self.service.inbox_port, None).call("GET", "/emails.json")
        check(response.status == 200, "The inbox must list its emails.", response)
        return [email for email in json.loads(response.text) if email["to"] == [address]]

    def sent(self, id: str, address: str, count: int = 1) -> Sent:
        """The invitation, once this many emails have arrived for it."""
        email = wait(lambda: (found := self.emails(address)) and len(found) >= count and found[0], f"email {count} to {address}")
        start = re.escape(f"{self.origin}/accept#")
        texts = re.findall(rf"{start}\S+", email["text"])
        hrefs = [html.unescape(href) for href in re.findall(r'href="([^"]*)"', email["html"])]
        check(len(texts) == 1 and set(texts) == set(hrefs), "Both parts must have the same one link.", texts, hrefs)
        return Sent(id, email, texts[0])

    def invite(self, address: str) -> Sent:
        return self.sent(self.api.create(address)["id"], address)

    def state(self, id: str) -> str:
        return self.api.call("GET", f"/invitations/{id}").json["state"]

    def open(self, sent: Sent, **options: object):
        return visit(self.browser, self.origin, sent.token, viewport=DESK, **options)

    def invoke(self, function: str, event: dict) -> dict:
        return self.api.call("POST", f"/2015-03-31/functions/{function}/invocations", event).json

    def settings(self, **settings: str) -> None:
        response = self.invoke("manage-account-settings", {"action": "set", "account": ACCOUNT} | settings)
        check(settings.items() <= response.items(), "The account's settings must be set.", response)

    # --- Direct access to the table ----------------------------------------------------------------------------------

    def dynamodb(self, operation: str, **fields: object) -> dict:
        connection = http.client.HTTPConnection("127.0.0.1", self.service.dynamodb_port, timeout=40)
        headers = {
            "Content-Type": "application/x-amz-json-1.0",
            "X-Amz-Target": f"DynamoDB_20120810.{operation}",
            # The local engine requires a signature but does not check it.
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
        response = self.dynamodb("Scan")
        check("LastEvaluatedKey" not in response, "The table must fit one page.")
        return sorted(json.dumps(row, sort_keys=True) for row in response["Items"])

    def rows_at_rest(self, id: str) -> list[str]:
        """All rows, once an invitation's email is reported as delivered, no row waits for delivery and none changes within a second."""

        def delivered() -> bool:
            return any(f'"I#{id}"' in row and '"delivered#' in row for row in self.rows())

        def unchanged() -> list[str] | None:
            before = self.rows()
            time.sleep(1)
            return before if self.rows() == before and not any('"pending": ' in row for row in before) else None

        wait(delivered, "a delivery report")
        return wait(unchanged, "a table that no longer changes")

    def expire(self, id: str) -> None:
        """Lets an invitation expire a minute ago, because the shortest lifetime is an hour."""
        key = {"pk": {"S": f"A#{ACCOUNT}"}, "sk": {"S": f"I#{id}"}}
        past = {":past": {"N": str((int(time.time()) - 60) * 1000)}}
        self.dynamodb("UpdateItem", Key=key, UpdateExpression="SET exp = :past", ExpressionAttributeValues=past)


def wait(condition: Callable[[], object], what: str):
    """Waits for a result."""
    end = time.monotonic() + IN_TIME
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.1)
    raise Failed(f"There must be {what} within {IN_TIME} s.")


def accept(fixture: Fixture, screenshots: Path | None) -> None:
    """As an invitee: open the email in the inbox, follow its link, press the button."""
    sent = fixture.invite("flow.accept@example.com")
    with fixture.open(sent, quiet=False, **({"device_scale_factor": 1.5} if screenshots else {})) as found:
        if screenshots:
            found.open(f"{fixture.inbox}/emails/{sent.email['id']}/html")
            found.page.set_viewport_size({"width": 640, "height": 520})
            found.page.screenshot(path=screenshots / "email.png")
        found.open(f"{fixture.inbox}/emails/{sent.email['id']}")
        with found.context.expect_page() as opened:
            found.page.frame_locator("iframe").locator(f'a[href="{sent.link}"]').first.click()
        found.page = opened.value
        found.sees("Jane Doe invites you to Example Ltd").says("flow.accept@example.com", "read-only").offers("Accept", "Decline")
        check(found.page.url == f"{fixture.origin}/accept", "The token must have left the address.", found.page.url)
        if screenshots:
            found.page.set_viewport_size({"width": 640, "height": 640})
            found.page.screenshot(path=screenshots / "page.png")
        check(fixture.state(sent.id) == "invited", "Opening the page must not accept.")
        found.press("Accept")
        found.sees("You have accepted")
        check(fixture.state(sent.id) == "accepted", "The API must say that it is accepted.")
        found.page.reload()
        found.sees("This invitation has already been accepted")


def endings(fixture: Fixture) -> None:
    """Every other outcome of a link."""
    declined, revoked, expired, resent = (fixture.invite(f"flow.{what}@example.com") for what in ("decline", "revoke", "expire", "resend"))
    with fixture.open(declined) as found:
        found.open(declined.link)
        found.press("Decline")
        found.press("Decline it")
        found.sees("You have declined")
        check(fixture.state(declined.id) == "declined", "The API must say that it is declined.")
    with fixture.open(revoked) as found:
        found.open(revoked.link)
        found.page.get_by_role("button", name="Accept").wait_for()
        response = fixture.api.call("POST", f"/invitations/{revoked.id}", {"state": "revoked"})
        check(response.status == 200, "The revocation must succeed.", response)
        found.press("Accept")
        found.sees("This invitation was withdrawn").offers()
    with fixture.open(revoked) as found:
        found.open(revoked.link).sees("This invitation was withdrawn")
    fixture.expire(expired.id)
    with fixture.open(expired) as found:
        found.open(expired.link).sees("This invitation has expired").offers()
    response = wait(lambda: (it := fixture.api.call("POST", f"/invitations/{resent.id}")).status == 200 and it, "a resend")
    check(response.status == 200, "The resend must succeed.", response)
    newer = fixture.sent(resent.id, "flow.resend@example.com", 2)
    other_format = newer.link.replace("#i1.", "#i2.")
    for link in (resent.link, newer.link[:-1], f"{newer.link[:-1]}&gt;", other_format, f"{fixture.origin}/accept#x"):
        with fixture.open(resent) as found:
            found.open(link).sees("This link does not work").offers()
    with fixture.open(newer) as found:
        found.open(newer.link)
        found.press("Accept")
        found.sees("You have accepted")


def sign_in(fixture: Fixture) -> None:
    """An account that requires signing in to the host application."""
    redirect = f"{fixture.origin}/host/invitations"
    sent = fixture.invite("flow.signin@example.com")
    fixture.settings(redirect=redirect, binding="email", colour="#c8102e")
    with fixture.open(sent) as found:
        found.open(sent.link)
        found.page.get_by_role("link", name="Sign in to continue").wait_for()
        found.is_sound()
        check(found.link("Sign in to continue")["href"] == f"{redirect}#{sent.token}", "The link must carry the token.")
        for operation in ("accept", "decline"):
            rejected = Caller(fixture.service.port, None).call("POST", f"/invitations/{operation}", {"token": sent.token})
            refused = (rejected.status, rejected.json["code"])
            check(refused == (403, "sign-in-required"), "The token alone must not be sufficient.", rejected)
    fixture.settings(binding="bearer")
    with fixture.open(sent) as found:
        found.open(sent.link)
        found.press("Accept")
        found.sees("You have accepted").says("Example Ltd").offers("Continue")
        check(found.link("Continue")["href"] == redirect, "Continue must lead to the account's redirect.")


def only_posts_write(fixture: Fixture) -> None:
    """T1: no request other than a POST changes any byte of the table."""
    sent = fixture.invite("flow.scanner@example.com")
    before = fixture.rows_at_rest(sent.id)
    token = sent.token
    paths = [
        "/accept",
        f"/accept?token={token}",
        f"/accept/{token}",
        "/invitations/accept",
        f"/invitations/accept?token={token}",
        f"/invitations/decline?token={token}",
        f"/invitations/lookup?token={token}",
        f"/invitations/{sent.id}",
        f"/{token}",
        "/",
    ]
    for path in paths:
        for method in ("GET", "HEAD", "OPTIONS"):
            for body in (None, {"token": token}):
                response = fixture.api.call(method, path, body)
                check(token not in f"{response.headers}{response.text}", f"{method} {path} must not repeat the token.", response)
    with fixture.open(sent) as found:
        found.open(sent.link)
        found.page.get_by_role("button", name="Accept").wait_for()
        for _ in range(3):
            found.page.reload()
            found.page.get_by_role("button", name="Accept").wait_for()
    with fixture.open(sent, java_script_enabled=False) as found:
        found.open(sent.link).says("This page needs JavaScript")
    check(fixture.rows() == before, "The table must not change.", *set(fixture.rows()) ^ set(before))
    check(fixture.state(sent.id) == "invited", "The invitation must still be open.")
    # This check notices writes.
    response = Caller(fixture.service.port, None).call("POST", "/invitations/decline", {"token": token})
    check(response.status == 200 and fixture.rows() != before, "A POST must write.", response)
