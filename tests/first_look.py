#!/usr/bin/env python3
"""Tests in a real Chromium what a newcomer sees after `make run`: the tabs at one address.

    python3 tests/first_look.py [--screenshots DIRECTORY]

A person opens the address, says who they are, invites someone, sees the email, accepts, and sees that it is accepted; on a desk's screen
and on a phone's. It stops at the first failure, with a sentence and exit status 1.
"""

import argparse
import base64
import hashlib
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit

from browser import chromium
from browser.chromium import DESK, Visit
from caller import Caller, check, step, until
from playwright.sync_api import Browser, Locator, Page, TimeoutError, sync_playwright
from service import ROOT, Failed, Service

PHONE = {"width": 390, "height": 844}
# From the click to the email, which usually takes less than one: the stream is read four times a second, and the script asks twice.
SOON = 3  # seconds
ADMIN, READER = "Jane Doe", "Vic Reader"


class Local:
    """The running service, in a browser."""

    def __init__(self, service: Service, browser: Browser, screenshots: Path | None):
        self.service, self.browser, self.screenshots = service, browser, screenshots
        self.api, self.tabs, self.issuer = (f"http://127.0.0.1:{port}" for port in (service.port, service.inbox_port, service.issuer_port))
        self.stills: list[bytes] = []

    @contextmanager
    def visit(self, *more: str, **options: object) -> Iterator[Visit]:
        """A fresh browser profile. Nothing may be loaded from other addresses than those of the service, and `more`."""
        context = self.browser.new_context(**{"viewport": DESK, "locale": "en-GB", "timezone_id": "UTC"} | options)
        try:
            found = Visit(context)
            yield found
            found.requested_only(self.api, self.tabs, self.issuer, *more)
        finally:
            context.close()

    def signed_in(self, found: Visit, name: str) -> None:
        found.open(self.tabs)
        found.press(f"Continue as {name}")
        panel(found.page).get_by_role("heading", name="Invitations").wait_for()

    def still(self, page: Page, name: str) -> None:
        if self.screenshots and name:
            self.stills.append(page.screenshot())


def panel(page: Page) -> Locator:
    return page.locator("invitations-panel")


def tab(page: Page, name: str) -> None:
    """Follows the navigation, which marks the tab."""
    page.get_by_role("navigation").get_by_role("link", name=name, exact=True).click()
    page.locator("nav a[aria-current=page]", has_text=name).wait_for()


def is_sound(found: Visit, page: Page) -> None:
    """The page fits the screen, and axe finds nothing."""
    found.page, before = page, found.page
    violations = found.axe()
    found.page = before
    check(not violations, f"axe finds defects at {page.url}.", *violations)
    wide = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
    check(wide[0] <= wide[1], f"Nothing may scroll sideways at {page.url}.", wide)


def appears(row: Locator, sentence: str, patience: float = 10) -> None:
    try:
        row.wait_for(timeout=patience * 1000)
    except TimeoutError:
        raise Failed(f"{sentence} The page says:\n{row.page.locator('main').inner_text()}") from None


def invite(page: Page, address: str) -> None:
    panel(page).get_by_role("button", name="Invite", exact=True).click()
    dialog = panel(page).get_by_role("dialog")
    dialog.get_by_label("Email address").fill(address)
    dialog.get_by_label("Role").select_option("read-only")


def whole_flow(local: Local, size: dict[str, int], name: str) -> None:
    """From one address to "accepted"."""
    address = f"new.colleague{name and f'.{name}'}@example.com"
    with local.visit(viewport=size, color_scheme="dark" if size == DESK else "light") as found:
        page = found.page
        found.open(local.tabs)
        is_sound(found, page)
        found.says("Who are you?", ADMIN, READER)
        found.press(f"Continue as {ADMIN}")
        panel(page).get_by_role("button", name="Invite", exact=True).wait_for()
        is_sound(found, page)
        page.evaluate("window.notReloaded = true")

        # On a desk, the tab Emails is open as well.
        emails = found.context.new_page() if size == DESK else None
        if emails:
            emails.goto(f"{local.tabs}/emails")
            emails.evaluate("window.notReloaded = true")
        invite(page, address)
        local.still(page, name)
        panel(page).get_by_role("button", name="Send invitation").click()
        clicked = time.monotonic()
        appears(page.locator("ol.list li", has_text=address), "The email must appear next to the panel.", SOON)
        if emails:
            appears(emails.locator("ol.list li", has_text=address), "The email must appear in the tab Emails.", SOON)
            check(emails.evaluate("window.notReloaded"), "It must appear without a reload.")
            print(f"  the email appears after {time.monotonic() - clicked:.1f} s", flush=True)
        else:
            emails = found.context.new_page()
            emails.goto(local.tabs)
            tab(emails, "Emails")
        is_sound(found, emails)
        emails.locator("ol.list a", has_text=address).click()
        emails.get_by_role("heading", level=1).wait_for()
        is_sound(found, emails)
        local.still(emails, name)

        with found.context.expect_page() as opened:
            emails.frame_locator("iframe").get_by_role("link").first.click()
        invitee = opened.value
        invitee.get_by_role("button", name="Accept").wait_for()
        local.still(invitee, name)
        invitee.get_by_role("button", name="Accept").click()
        invitee.get_by_role("heading", name="You have accepted").wait_for()

        row = panel(page).get_by_role("listitem").filter(has_text=address)
        appears(row.filter(has_text="Accepted"), "The panel must show that it is accepted.", SOON)
        check(page.evaluate("window.notReloaded"), "It must show that without a reload.")
        row.scroll_into_view_if_needed()
        local.still(page, name)
        is_sound(found, page)

        tab(page, "Events")
        accepted = page.locator("article", has_text="Invitation Accepted").filter(has_text='"roleID"')
        appears(accepted.first, "The event must be listed.")
        is_sound(found, page)


def live_lists(local: Local, key: str) -> None:
    """Rows keep the focus when others come, and the pages work without scripts."""
    api = Caller(local.service.port, key)
    api.create("first.row@example.com")
    with local.visit() as found:
        found.open(f"{local.tabs}/emails")
        first = found.page.locator("ol.list a", has_text="first.row@example.com")
        appears(first, "The email must appear.")
        first.focus()
        api.create("second.row@example.com")
        appears(found.page.locator("ol.list li:first-child", has_text="second.row@example.com"), "A new email must be the first.")
        focused = found.page.evaluate("document.activeElement.textContent")
        check("first.row@example.com" in focused, "The focus must stay.", focused)
        found.open(f"{local.tabs}/events")
        before = found.page.locator("article").count()
        api.create("third.row@example.com")
        appears(found.page.locator(f"article:nth-child({before + 1})"), "A new event must appear.")
    with local.visit(java_script_enabled=False) as found:
        found.open(f"{local.tabs}/emails").says("third.row@example.com")
        check(found.page.locator("meta[http-equiv=refresh]").count() == 1, "Without scripts, the page must reload itself.")
        found.open(f"{local.tabs}/events").says("Invitation Created")
        found.open(local.tabs).says("This tab needs JavaScript")


def people(local: Local) -> None:
    """The choice of a person is kept, and a reader is offered nothing that a reader may not do."""
    with local.visit() as found:
        local.signed_in(found, READER)
        panel(found.page).get_by_role("listitem").first.wait_for()
        is_sound(found, found.page)
        for label in ("Invite", "Invite many", "Resend", "Revoke"):
            check(panel(found.page).get_by_role("button", name=label).count() == 0, f"A reader must not be offered '{label}'.")
        kept = found.page.evaluate("JSON.stringify([localStorage, sessionStorage, document.cookie])")
        check("eyJ" not in kept, "No token may be stored.", kept)
        found.page.reload()
        panel(found.page).get_by_role("listitem").first.wait_for()
        found.says(f"You are {READER}")
        found.says("You can view the invitations of Example Ltd")
        check("Invite somebody" not in found.page.locator("main").inner_text(), "A reader must not be told to invite.")
        found.press("Switch person")
        found.page.get_by_role("button", name=f"Continue as {ADMIN}").wait_for()


def api_tab(local: Local, size: dict[str, int]) -> None:
    """The contract is browsable, and its requests reach the API."""
    for scheme in ("light", "dark"):
        with local.visit(viewport=size, color_scheme=scheme) as found:
            page = found.page
            found.open(local.tabs)
            tab(page, "API")
            appears(page.locator("#operations-Invitees-acceptInvitation"), "The contract must list the operations.")
            page.get_by_text(f"Requests are sent as {ADMIN} (admin), until you choose someone in Invitations.").wait_for()
            first = page.locator(".opblock").first.bounding_box()
            check(first["y"] + first["height"] <= size["height"], "The first request must be visible without scrolling.", first)
            check(page.locator("details[open]").count() == 0, "The long description must be closed.")
            is_sound(found, page)
            operation = page.locator("#operations-Invitations-listInvitations")
            operation.locator(".opblock-summary-control").click()
            operation.get_by_role("button", name="Try it out").click()
            operation.get_by_role("button", name="Execute").click()
            response = operation.locator(".live-responses-table .response")
            appears(response, "There must be a response.")
            check(response.locator(".response-col_status").inner_text().startswith("200"), "It must be a 200.", response.inner_text())
            check("new.colleague" in response.inner_text(), "It must be the list.", response.inner_text())
            command = operation.locator(".curl").inner_text()
            check(f"'{local.api}/invitations?" in command and "Bearer eyJ" in command, "The command must work in a terminal.", command)
            is_sound(found, page)


def code_flow(local: Local) -> None:
    """A page on this machine signs people in by the authorization code flow with PKCE."""
    verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    client = {"client_id": "console", "redirect_uri": f"{local.tabs}/"}
    request = client | {"response_type": "code", "state": "s1", "code_challenge": challenge, "code_challenge_method": "S256"}
    with local.visit() as found:
        found.open(local.tabs)
        document = found.page.evaluate("url => fetch(url).then((it) => it.json())", f"{local.issuer}/.well-known/openid-configuration")
        found.open(f"{document['authorization_endpoint']}?{urlencode(request)}").says(f"Sign in to {local.tabs}")
        is_sound(found, found.page)
        found.press(f"Sign in as {ADMIN}")
        found.page.wait_for_url(f"{local.tabs}/?*")
        answer = dict(parse_qsl(urlsplit(found.page.url).query))
        check((answer["state"], answer["iss"]) == ("s1", local.issuer), "The answer must name the state and the issuer.", answer)
        redemption = client | {"grant_type": "authorization_code", "code": answer["code"], "code_verifier": verifier}
        redeem = "([url, form]) => fetch(url, { method: 'POST', body: new URLSearchParams(form) }).then((it) => it.json())"
        tokens = found.page.evaluate(redeem, [document["token_endpoint"], redemption])
        listed = Caller(local.service.port, token=tokens["access_token"]).call("GET", "/invitations?limit=1")
        check(listed.status == 200, "The API must accept the token.", listed)


def console(local: Local) -> None:
    """The console of the API signs a person in at the development issuer, and shows the panel."""
    with local.visit() as found:
        found.open(f"{local.api}/console")
        found.press("Sign in")
        found.page.wait_for_url(f"{local.issuer}/authorize?*")
        found.press(f"Sign in as {ADMIN}")
        appears(panel(found.page).get_by_role("listitem").first, "The console must show the invitations.")
        check(found.page.url == f"{local.api}/console", "The code must have left the address.", found.page.url)


def own_page(local: Local, directory: Path) -> None:
    """The page of the documentation shows the panel on another origin."""
    page = (ROOT / "docs/console.md").read_text().split("### Try it locally")[1].split("```html\n")[1].split("```")[0]
    page = page.replace("http://127.0.0.1:9000", local.api).replace("http://127.0.0.1:9200", local.issuer)
    (directory / "index.html").write_text(page)
    with serving(directory) as url, local.visit(url) as found:
        found.open(url)
        appears(panel(found.page).get_by_role("listitem").first, "The page must show the invitations.")
        invite(found.page, "from.own.page@example.com")
        panel(found.page).get_by_role("button", name="Send invitation").click()
        appears(panel(found.page).get_by_role("listitem").filter(has_text="from.own.page@example.com"), "It must be able to invite.")


@contextmanager
def serving(directory: Path) -> Iterator[str]:
    """A server of static files on a port of its own."""
    handler = partial(SilentHandler, directory=directory)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


class SilentHandler(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


def strip(local: Local) -> None:
    """The stills of the flow next to each other, as one picture."""
    pictures = "".join(f'<img src="data:image/png;base64,{base64.b64encode(still).decode()}">' for still in local.stills)
    style = "div { display: inline-flex; gap: 16px; background: #fff } img { border: 1px solid #d9dce1; border-radius: 12px }"
    page = local.browser.new_page(viewport={"width": 2000, "height": 1000})
    page.set_content(f"<style>{style}</style><div>{pictures}</div>")
    page.locator("div").screenshot(path=local.screenshots / "flow.png")
    page.close()


def run(screenshots: Path | None) -> None:
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as directory, Service(Path(directory)) as service:
        step(f"make run on port {service.port}")
        service.start()
        check(service.line(f"Ready: open http://127.0.0.1:{service.inbox_port}"), "It must name the address to open.", service.output())
        check(service.line(f"Console: http://127.0.0.1:{service.port}/console"), "It must name the console.", service.output())
        noise = [line for line in service.lines[: service.lines.index(service.line("Ready: "))] if line.startswith("{") or "sh -c" in line]
        check(not noise, "The functions' output must be hidden until it is ready.", *noise)
        browser = chromium.launch(playwright)
        local = Local(service, browser, screenshots)
        step("from one address to an acceptance, on a desk's screen")
        whole_flow(local, DESK, "")
        step("the same on a phone's screen")
        whole_flow(local, PHONE, "phone")
        if screenshots:
            strip(local)
        step("who is signed in, and what a reader is offered")
        people(local)
        step("lists that grow, and pages without scripts")
        key = until(lambda: service.line("ApiKey "), "The output must contain a key.").split("'")[0].removeprefix("ApiKey ")
        live_lists(local, key)
        step("the contract, with requests")
        api_tab(local, DESK)
        api_tab(local, PHONE)
        step("the authorization code flow of the development issuer")
        code_flow(local)
        console(local)
        step("the panel in a page of another origin")
        page = Path(directory) / "page"
        page.mkdir()
        own_page(local, page)
        browser.close()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--screenshots", type=Path, metavar="DIRECTORY", help="directory for a picture of the flow")
    try:
        run(parser.parse_args().screenshots)
    except Failed as error:
        print(f"FAILED: {error}", file=sys.stderr)
        return 1
    print("First look: passed.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
