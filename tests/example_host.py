#!/usr/bin/env python3
"""Tests the application of examples/host in a real Chromium, next to `make run`.

    python3 tests/example_host.py

From signing in and inviting someone in the panel, through the email, to a membership, and to its end. PANEL names another file with the
panel. It stops at the first failure, with a sentence and exit status 1.
"""

import json
import os
import re
import secrets
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import urlopen

from browser import chromium
from browser.chromium import DESK, Visit
from caller import Caller, Inbox, Response, check, step, until
from example_end import ends_with_make
from example_sessions import sessions_last_as_long_as_tokens
from playwright.sync_api import Browser, Error, TimeoutError, sync_playwright
from service import ROOT, Failed, Service, free_port, listens

ACCOUNT = "012345678912"
JANE = "Jane Doe"
NORA = "new.colleague@example.com"


class Application:
    """The application of examples/host, and the service with its settings."""

    def __init__(self, state: Path):
        self.port, self.key = free_port(), secrets.token_hex(16)
        self.origin = f"http://127.0.0.1:{self.port}"
        variables = {"LINK_BASE_URL": f"{self.origin}/join", "WEBHOOK_URL": f"{self.origin}/events", "WEBHOOK_KEY": self.key}
        self.service = Service(state, **variables)
        self.members_file = state / "members.json"
        self.process: subprocess.Popen | None = None

    def __enter__(self) -> "Application":
        try:
            self.service.start()
            self.start()
        except BaseException as error:
            self.__exit__(type(error), error, error.__traceback__)
            raise
        self.inbox = Inbox(self.service.inbox_port)
        self.api = Caller(self.service.port, key=json.loads(self.service.dev_json.read_text())["keys"]["full-access"])
        return self

    def __exit__(self, *of_error: object) -> None:
        self.kill()
        self.service.__exit__(*of_error)

    def start(self) -> None:
        variables = {"ORIGIN": self.origin, "WEBHOOK_KEY": self.key, "DEV_JSON": str(self.service.dev_json)}
        self.process = subprocess.Popen(["node", ROOT / "examples" / "host" / "local.mjs"], env=os.environ | variables)
        until(lambda: listens(self.port), "The application must start.")

    def kill(self) -> None:
        if self.process:
            self.process.kill()
            self.process.wait()

    def members(self) -> dict[str, dict]:
        return json.loads(self.members_file.read_text())["members"]

    def call(self, method: str, path: str, body: object = None, **headers: str) -> Response:
        return Caller(self.port).call(method, path, body, **headers)

    def invitation(self, email: str) -> dict:
        return self.api.call("GET", f"/invitations?email={email}").json["invitations"][0]

    def link(self, email: str) -> str:
        sent = until(lambda: self.inbox.email_of(self.invitation(email)), "The email must arrive.")
        (link,) = re.findall(rf"{re.escape(self.origin)}/join#\S+", sent["text"])
        return link

    def accepted_event(self, email: str) -> dict:
        """The body of the request that the webhook gets."""

        def find() -> dict | None:
            events = self.inbox.events_of(self.invitation(email))
            return next((event["detail"] for event in events if event["detail"]["type"] == "accepted"), None)

        return until(find, "The event must be published.")

    def deliver(self, event: dict, key: str) -> int:
        return self.call("POST", "/events", event, **{"X-Webhook-Key": key}).status


@contextmanager
def person(browser: Browser, address: str):
    """A person at this address, in a browser profile of their own."""
    context = browser.new_context(viewport=DESK, locale="en-GB", timezone_id="UTC")
    try:
        visit = Visit(context)
        yield visit.open(address)
        check(not visit.complaints, "The console must be empty.", *visit.complaints)
    finally:
        context.close()


def is_accessible(visit: Visit) -> None:
    found = visit.axe()
    check(not found, "axe finds defects.", *found)


def says(visit: Visit, text: str) -> None:
    """Waits for a text. The panel's is in its shadow."""
    try:
        visit.page.get_by_text(text).first.wait_for()
    except TimeoutError:
        raise Failed(f"The page must say '{text}'. It says:\n{visit.text()}\n{visit.complaints}") from None


def follow(visit: Visit, label: str) -> None:
    visit.page.get_by_role("link", name=label, exact=True).click()


def sign_in_as(visit: Visit, name: str) -> None:
    visit.page.get_by_role("button", name=f"Sign in as {name}").click()


def invite(visit: Visit, email: str, role: str) -> None:
    panel = visit.page.locator("invitations-panel")
    panel.get_by_role("button", name="Invite", exact=True).click()
    dialog = panel.get_by_role("dialog")
    dialog.get_by_label("Email address").fill(email)
    dialog.get_by_label("Role").select_option(role)
    dialog.get_by_role("button", name="Send invitation").click()
    panel.get_by_text(f"{email} was invited.").first.wait_for()


def joins(app: Application, browser: Browser) -> None:
    step("an administrator signs in and invites someone in the panel")
    with person(browser, app.origin) as jane:
        says(jane, "You are not signed in.")
        follow(jane, "Sign in")
        sign_in_as(jane, JANE)
        says(jane, "There are no invitations yet.")
        invite(jane, NORA, "full-access")
        is_accessible(jane)
    check(app.members() == {}, "An invitation must not be a membership.", app.members())

    step("the invitee opens the link; somebody else cannot accept")
    with person(browser, app.link(NORA)) as nora:
        says(nora, f"Jane Doe invites {NORA} to Example Ltd with the role full-access.")
        check(nora.page.url == f"{app.origin}/join", "The token must have left the address.", nora.page.url)
        follow(nora, "Sign in to accept")
        sign_in_as(nora, "Vic Reader")
        nora.press("Accept")
        says(nora, f"This invitation is for {NORA}. Sign out, and sign in with that address.")
        is_accessible(nora)
        check(app.invitation(NORA)["state"] == "invited", "It must stay open.", app.invitation(NORA))
        nora.press("Sign out")

        step("the invitee signs in, accepts, and the event grants the membership")
        follow(nora, "Sign in to accept")
        sign_in_as(nora, "Nora New")
        nora.press("Accept")
        says(nora, "You are a member of Example Ltd with the role full-access.")
        check(nora.page.locator("#memberships li").count() == 1, "There must be one membership.", nora.text())


def counts_once(app: Application) -> None:
    step("the event grants it once, however often it arrives, and only with the key")
    members, event = app.members(), app.accepted_event(NORA)
    check(len(members) == 1, "There must be one member.", members)
    check([app.deliver(event, key) for key in (app.key, app.key)] == [204, 204], "Repeated events must be a 204.")
    other = json.loads(json.dumps(event).replace(event["id"], "forged"))
    check(app.deliver(other, "another key") == 403, "Another key must be a 403.")
    check(app.members() == members, "The members must be the same.", app.members())

    step("a membership survives a crash")
    app.kill()
    app.start()
    check(app.members() == members, "The members must be the same.", app.members())


def token_of(app: Application, name: str, email: str) -> str:
    """A token of this administrator from the identity provider."""
    form = urlencode({"name": name, "email": email, "account": ACCOUNT, "role": "admin"})
    with urlopen(f"http://127.0.0.1:{app.service.issuer_port}/token", form.encode()) as response:
        return json.load(response)["access_token"]


def only_its_own_pages(app: Application, visit: Visit) -> None:
    step("the token stays on the server, and only scripts of the application use the session")
    check("eyJ" not in visit.page.evaluate("fetch('/session').then((response) => response.text())"), "The page must not get a token.")
    cookies = {cookie["name"]: cookie for cookie in visit.page.context.cookies()}
    session = cookies["session"]
    check((session["sameSite"], session["httpOnly"]) == ("Lax", True), "No script and no other site must have the cookie.", session)
    ours = {
        "Cookie": f"session={session['value']}",
        "Authorization": "Bearer session",
        "Origin": app.origin,
        "Sec-Fetch-Site": "same-origin",
    }
    path = f"/api/invitations/{app.invitation('guest@example.com')['id']}"
    for status, method, change in [
        (200, "GET", {}),
        (200, "POST", {}),
        (403, "POST", {"Origin": "http://127.0.0.1:1"}),  # for cookies, another port is the same site
        (403, "POST", {"Origin": ""}),
        (403, "POST", {"Sec-Fetch-Site": "same-site"}),
        (403, "GET", {"Sec-Fetch-Site": "cross-site"}),
        (403, "GET", {"Authorization": ""}),
        (401, "GET", {"Cookie": "session=unknown"}),
    ]:
        body = {"roleID": "read-only"} if method == "POST" else None
        response = app.call(method, path, body, **{"Content-Type": "application/json"}, **(ours | change))
        check(response.status == status, f"{method} with {change} must be a {status}.", response)
    for path in ["/api/2015-03-31/functions/manage-api-keys/invocations", "/api/invitations/../2015-03-31/functions", "/api//"]:
        check(app.call("POST", path, {}, **ours).status == 404, f"{path} must be a 404.")


def gives_up(app: Application, browser: Browser) -> None:
    step("when the event does not come, the page says so after a minute")
    email = "sam.patient@example.com"
    app.api.create(email)
    with person(browser, app.link(email)) as sam:
        follow(sam, "Sign in to accept")
        sam.page.get_by_label("Name").fill("Sam Patient")
        sam.page.get_by_label("Email address").fill(email)
        sam.page.get_by_role("button", name="Sign in", exact=True).click()
        sam.page.get_by_role("button", name="Accept", exact=True).wait_for()
        sam.page.route("**/session", lambda route: route.fulfill(json={"email": email, "memberships": []}))
        sam.page.clock.install()
        sam.press("Accept")
        says(sam, "You have accepted. Your membership will be there in a moment.")
        sam.page.clock.fast_forward(61_000)
        says(sam, "You have accepted, but your membership is not there yet. Open this page again later.")


def leaves(app: Application, browser: Browser) -> None:
    step("the new member invites someone")
    with person(browser, f"{app.origin}/sign-in") as nora:
        # The identity provider knows the account and role of the new member by now.
        for label, value in {"Name": "Nora New", "Email address": NORA, "Account": ACCOUNT}.items():
            nora.page.get_by_label(label).fill(value)
        nora.page.get_by_label("Role").select_option("admin")
        nora.page.get_by_role("button", name="Sign in", exact=True).click()
        says(nora, "You are a member of Example Ltd")
        invite(nora, "guest@example.com", "read-only")
        only_its_own_pages(app, nora)

        step("an administrator removes the member, and the member's open invitations are revoked")
        with person(browser, f"{app.origin}/sign-in") as jane:
            sign_in_as(jane, JANE)
            says(jane, f"Nora New {NORA}, full-access")
            jane.press("Remove")
            says(jane, "Removed. Open invitations revoked: 1.")
            check(jane.page.locator("#members li").count() == 0, "There must be no member.", jane.text())
        check(app.invitation("guest@example.com")["state"] == "revoked", "It must be revoked.", app.invitation("guest@example.com"))
        check(app.invitation(NORA)["state"] == "accepted", "An accepted invitation must stay.", app.invitation(NORA))
        nora.page.reload()
        says(nora, "You are not signed in.")

    step("what the member invites with a token that has not expired is revoked later, also by another process, whatever fails before")
    Caller(app.service.port, token=token_of(app, "Nora New", NORA)).create("late@example.com")
    app.kill()
    stored = json.loads(app.members_file.read_text())
    stored["leaving"].insert(0, {"account": ACCOUNT, "email": "no address", "until": stored["leaving"][0]["until"]})
    app.members_file.write_text(json.dumps(stored))
    app.start()
    until(lambda: app.invitation("late@example.com")["state"] == "revoked", "It must be revoked.")

    step("a repeated event does not bring the member back")
    event = app.accepted_event(NORA)
    check(app.deliver(event, app.key) == 204, "It must be a 204.")
    check(app.members() == {}, "There must be no member.", app.members())

    step("neither does a late event of what was accepted before, but a later acceptance does")
    for late, time, members in [("late", event["time"], 0), ("later", "2999-01-01T00:00:00Z", 1)]:
        check(app.deliver(event | {"id": late, "time": time}, app.key) == 204, "It must be a 204.")
        check(len(app.members()) == members, f"There must be {members} members.", app.members())


def refuses(app: Application) -> None:
    step("nothing without a session")
    for method, path in [("GET", "/session"), ("GET", "/api/invitations"), ("POST", "/accept"), ("POST", "/remove"), ("POST", "/sign-out")]:
        response = app.call(method, path, {} if method == "POST" else None, Origin=app.origin)
        check(response.status == 401, f"{method} {path} must be a 401.", response)


def run() -> None:
    ends_with_make()
    with tempfile.TemporaryDirectory() as directory:
        sessions_last_as_long_as_tokens(Path(directory))
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as state, Application(Path(state)) as app:
        browser = chromium.launch(playwright)
        joins(app, browser)
        counts_once(app)
        leaves(app, browser)
        refuses(app)
        gives_up(app, browser)
        browser.close()


def main() -> int:
    try:
        run()
    except (Failed, Error) as error:
        print(f"FAILED: {error}", file=sys.stderr)
        return 1
    print("Example host: passed.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
