"""Inviting one, and every action on an invitation, with its refusals."""

import json
import re

from browser.chromium import check
from browser.stand_in import GONE, Response
from playwright.sync_api import expect

from .host import COOLDOWN, Host
from .tab import tab, until


def error(status: int, code: str, message: str, **headers: str) -> Response:
    body = {"code": code, "message": message, "fields": {}, "requestId": "request-7"}
    return Response(status, body, {name.replace("_", "-"): value for name, value in headers.items()})


def invite(host: Host) -> None:
    with tab(host.browser, host.site) as found:
        found.invite("one.new@example.com", "full-access")
        found.closes()
        found.announces("one.new@example.com was invited.")
        found.shows("one.new@example.com", "full-access", "Invited").offers("one.new@example.com", "Resend", "Change", "New link", "Revoke")
        found.shows("one.new@example.com", "Delivered", "You")
        found.focus_is("Invite")
        check([change["action"] for change in found.changes()] == ["created"], "The host application must learn of it.", found.changes())
        created = host.site.writes()
        check(len(created) == 1 and created[0].headers.get("idempotency-key"), "It must have an Idempotency-Key.", created)
        check(json.loads(created[0].body) == {"email": "one.new@example.com", "roleID": "full-access"}, "Only what was entered.", created)


def invite_refused(host: Host) -> None:
    with tab(host.browser, host.site) as found:
        found.press("Invite")
        # The browser asks for what is missing.
        for label, value in (("Email address", "one.new@example.com"), ("Role", "read-only")):
            control = found.dialog.get_by_label(label)
            control.evaluate("control => control.addEventListener('invalid', () => (control.dataset.asked = 'yes'))")
            found.press("Send invitation")
            expect(control).to_have_attribute("data-asked", "yes")
            found.focus_is(label)
            expect(found.dialog.get_by_role("alert")).to_have_count(0)
            control.select_option(value) if label == "Role" else control.fill(value)
        check(not host.site.writes(), "Nothing may be sent before.", host.site.writes())
        found.press("Send invitation")
        reason = found.dialog.locator(".field").filter(has_text="Email address").get_by_role("alert")
        expect(reason).to_have_text(re.compile("^this address already has an open invitation"))
        expect(found.dialog.get_by_role("alert")).to_have_count(1)
        found.focus_is("Email address")
        email = found.dialog.get_by_label("Email address")
        expect(email).to_have_attribute("aria-invalid", "true")
        expect(email).to_have_attribute("aria-errormessage", reason.get_attribute("id"))
        found.is_sound()
        found.fill("Email address", "not-an-address")
        found.press("Send invitation")
        expect(reason).to_have_text(re.compile("^'not-an-address' is not an e-mail address"))
        # Several reasons, each at its field; and the sentence, because nothing here is called `other`.
        refused = error(400, "invalid-email", "All of it is wrong.")
        refused.body["fields"] = {"email": "no address", "roleID": "no role", "other": "no"}
        host.site.will("POST", "/invitations", refused)
        found.press("Send invitation")
        expect(found.dialog.get_by_role("alert")).to_have_text(["no address", "no role", "All of it is wrong."])
        found.focus_is("Email address")
        found.fill("Email address", "one.late@example.com")
        found.fill("Expires (optional)", "2020-01-01T10:00")
        found.press("Send invitation")
        reason = found.dialog.locator(".field").filter(has_text="Expires (optional)").get_by_role("alert")
        expect(reason).not_to_have_text(re.compile("^$|expiry:"))
        found.focus_is("Expires (optional)")
        found.fill("Expires (optional)", "")
        found.press("Send invitation")
        found.closes()
        found.row("one.late@example.com").wait_for()
        keys = [request.headers["idempotency-key"] for request in host.site.writes()]
        check(len(keys) == 5 and len(set(keys)) == 4, "Another request must have another key.", keys)


def lost_response(host: Host) -> None:
    """A response that is lost: the same request again, with the same key, creates nothing twice."""
    with tab(host.browser, host.site) as found:
        lost = error(503, "unavailable", "Down for a moment.", retry_after="1")
        host.site.will("POST", "/invitations", GONE, lost)
        found.invite("one.lost@example.com")
        found.closes()
        found.row("one.lost@example.com").wait_for()
        # It takes too long: the person tries again.
        host.site.will("POST", "/invitations", error(503, "unavailable", "Down for longer.", retry_after="60"))
        found.invite("one.longer@example.com")
        expect(found.dialog.get_by_role("alert")).to_contain_text("Down for longer. Try again in 60 seconds.")
        found.press("Send invitation")
        found.closes()
        for count, address in ((3, "one.lost"), (2, "one.longer")):
            keys = [request.headers["idempotency-key"] for request in host.site.writes() if address in request.body]
            check(len(keys) == count and len(set(keys)) == 1, "Every attempt must have the same key.", keys)


def resend(host: Host) -> None:
    host.fixture.sent(host.fixture.api.create("act.resend@example.com")["id"], "act.resend@example.com")
    with tab(host.browser, host.site) as found:
        button = found.row("act.resend@example.com").get_by_role("button", name="Resend: act.resend@example.com")
        expect(button).to_have_text(re.compile(r"^Resend\s+\d+s$"))
        button.click(force=True)
        check(not host.site.writes(), "Within the cooldown nothing may be sent.")
        expect(button).to_have_text("Resend", timeout=(COOLDOWN + 4) * 1000)
        button.click()
        found.announces("The invitation of act.resend@example.com was sent again.")
        expect(button).to_have_text(re.compile(r"^Resend\s+\d+s$"))
        host.fixture.sent(host.site.asked[-1].path.split("/")[-1], "act.resend@example.com", 2)
        found.shows("act.resend@example.com", "Delivered")
        # Somebody else has sent it, and the clocks differ: the API's word counts.
        expect(button).to_have_text("Resend", timeout=(COOLDOWN + 4) * 1000)
        refused = error(429, "resend-cooldown", "the invitation was sent too recently; it can be sent again in 4 s", retry_after="4")
        host.site.will("POST", r"/invitations/[0-9A-F]{32}", refused)
        button.click()
        found.shows("act.resend@example.com", "it can be sent again in 4 s")
        expect(button).to_have_text(re.compile(r"^Resend\s+[34]s$"))
        expect(button).to_have_text("Resend", timeout=6000)


def bounced(host: Host) -> None:
    """After a bounce, an email is only sent if a person insists."""
    address = "bounce@simulator.amazonses.com"
    with tab(host.browser, host.site) as found:
        found.invite(address)
        found.closes()
        found.shows(address, "Bounced")
        found.page.wait_for_timeout(COOLDOWN * 1000 + 500)
        found.act("Resend", address)
        expect(found.dialog).to_contain_text("bounced or was reported as spam")
        found.press("Send anyway")
        found.announces(f"The invitation of {address} was sent again.")
        check(host.site.writes("force=true"), "It must be forced.", host.site.writes())
        # The bounce is not known here yet: the refusal is shown.
        found.shows(address, "Bounced")


def revoke(host: Host) -> None:
    host.fixture.api.create("act.revoke@example.com")
    accepted = host.fixture.invite("act.accepted@example.com")
    with tab(host.browser, host.site) as found:
        found.act("Revoke", "act.revoke@example.com")
        expect(found.dialog).to_contain_text("The link of act.revoke@example.com stops working.")
        found.press("Cancel")
        check(not host.site.writes(), "Cancelling must change nothing.")
        # Shown at once, as being on its way.
        host.site.will("POST", r"/invitations/[0-9A-F]{32}", error(500, "internal-error", "Sorry!")._replace(after=1.5))
        found.act("Revoke", "act.revoke@example.com")
        found.press("Revoke")
        found.shows("act.revoke@example.com", "Revoked", "Saving…").offers("act.revoke@example.com")
        # Refused: rolled back, with the reason.
        found.shows("act.revoke@example.com", "Something went wrong", "request-7", "Invited")
        found.offers("act.revoke@example.com", "Resend", "Change", "New link", "Revoke")
        found.act("Revoke", "act.revoke@example.com")
        found.press("Revoke")
        found.announces("The invitation of act.revoke@example.com was revoked.")
        found.shows("act.revoke@example.com", "Revoked").offers("act.revoke@example.com")
        keys = [request.headers["idempotency-key"] for request in host.site.writes()]
        check(len(keys) == 2 and keys[0] == keys[1], "After an unknown outcome the key must be the same.", keys)
        # Accepted in the meantime.
        found.act("Revoke", "act.accepted@example.com")
        host.accept(accepted.token)
        found.press("Revoke")
        found.shows("act.accepted@example.com", "the invitation is already accepted", "Accepted")


def change(host: Host) -> None:
    created = host.fixture.api.create("act.change@example.com")
    with tab(host.browser, host.site) as found:
        found.act("Change", "act.change@example.com")
        found.dialog.get_by_label("Role").select_option("full-access")
        found.press("Save")
        found.closes()
        found.announces("The invitation of act.change@example.com was changed.")
        found.shows("act.change@example.com", "full-access")
        check(host.site.writes()[-1].headers.get("if-match"), "It must have an If-Match.", host.site.writes())
        found.focus_is("Change: act.change@example.com")
        # A refusal is shown in the dialog, which keeps what was entered.
        found.act("Change", "act.change@example.com")
        found.fill("Expires", "2020-01-01T10:00")
        found.press("Save")
        expect(found.dialog.locator(".field").filter(has_text="Expires").get_by_role("alert")).not_to_be_empty()
        found.focus_is("Expires")
        found.press("Cancel")
        # Somebody else has changed it meanwhile.
        found.act("Change", "act.change@example.com")
        found.fill("Expires", found.page.evaluate("new Date(Date.now() + 864e5).toISOString().slice(0, 16)"))
        response = host.fixture.api.call("POST", f"/invitations/{created['id']}", {"roleID": "read-only"})
        check(response.status == 200, "It must be changed.", response)
        found.press("Save")
        expect(found.dialog.get_by_role("alert")).to_contain_text("the invitation has changed")
        found.shows("act.change@example.com", "read-only")
        found.press("Save")
        found.closes()
        now = host.fixture.api.call("GET", f"/invitations/{created['id']}").json
        check(now["expiry"] < created["expiry"], "The expiry must be changed.", now)
        check(now["roleID"] == "read-only", "The role of somebody else must stay.", now)


def reopen(host: Host) -> None:
    created = host.fixture.api.create("act.reopen@example.com")
    host.fixture.expire(created["id"])
    with tab(host.browser, host.site) as found:
        found.shows("act.reopen@example.com", "Expired")
        found.page.wait_for_timeout(COOLDOWN * 1000)
        found.act("Reopen", "act.reopen@example.com")
        found.announces("The invitation of act.reopen@example.com is open again.")
        found.shows("act.reopen@example.com", "Invited").offers("act.reopen@example.com", "Resend", "Change", "New link", "Revoke")
        found.focus_is("act.reopen@example.com")


def links(host: Host) -> None:
    """A link instead of an email, shown once."""
    host.fixture.invite("act.link@example.com")
    with tab(host.browser, host.site, permissions=["clipboard-read", "clipboard-write"]) as found:
        found.page.wait_for_timeout(COOLDOWN * 1000)
        found.act("New link", "act.link@example.com")
        expect(found.dialog).to_contain_text("The link in the last email stops working.")
        found.press("Make a new link")
        field = found.dialog.get_by_label("Link", exact=True)
        expect(field).to_have_value(re.compile("/accept#i1\\."))
        check(field.get_attribute("readonly") is not None, "The link must be read-only.")
        link = field.input_value()
        found.focus_is("Copy")
        found.press("Copy")
        expect(found.dialog).to_contain_text("Copied.")
        check(found.page.evaluate("navigator.clipboard.readText()") == link, "The link must be copied.")
        found.press("Close")
        found.closes()
        found.focus_is("New link: act.link@example.com")
        found.shows("act.link@example.com", "Link instead of an email")
        response = host.fixture.api.call("POST", "/invitations/lookup", {"token": link.split("#")[1]})
        check(response.status == 200, "The link must work.", response)
        check(link not in json.dumps(found.changes()), "Events must not have the link.", found.changes())
        check(link not in found.page.content(), "The link must be gone.")
        # One refusal: within the cooldown.
        found.act("New link", "act.link@example.com")
        found.press("Make a new link")
        expect(found.dialog.get_by_role("alert")).to_contain_text("it can be sent again in")
        found.press("Cancel")

        found.press("Invite")
        found.fill("Email address", "act.nomail@example.com")
        found.dialog.get_by_label("Role").select_option("read-only")
        found.dialog.get_by_label("Send no email; show me the link").check()
        found.press("Send invitation")
        expect(found.dialog.get_by_label("Link", exact=True)).to_have_value(re.compile("/accept#i1\\."))
        found.press("Close")
        found.shows("act.nomail@example.com", "Link instead of an email")
        check(not host.fixture.emails("act.nomail@example.com"), "No email may be sent.")


def details(host: Host) -> None:
    body = {"email": "act.details@example.com", "roleID": "read-only", "metadata": {"plan": "gold"}}
    check(host.fixture.api.call("POST", "/invitations", body).status == 201, "It must be created.")
    with tab(host.browser, host.site) as found:
        found.page.get_by_role("button", name="act.details@example.com", exact=True).click()
        for text in ("plan", "gold", "Created", "urn:cloudone:identity", "read-only"):
            expect(found.dialog).to_contain_text(text)
        found.page.keyboard.press("Escape")
        found.closes()
        found.focus_is("act.details@example.com")
        # Who invited: the words of the list, and the principal below.
        found.invite("act.mine@example.com")
        found.closes()
        for address, words in (("act.details@example.com", r"API key \w+"), ("act.mine@example.com", "You")):
            expect(found.row(address).locator(".by .value")).to_have_text(re.compile(f"^{words}$"))
            found.page.get_by_role("button", name=address, exact=True).click()
            inviter = found.dialog.locator("dl > div").filter(has_text="Invited by").locator("dd")
            expect(inviter).to_have_text(re.compile(rf"^{words}urn:\S+:apikey/\w+$"))
            found.page.keyboard.press("Escape")
            found.closes()


def signed_out(host: Host) -> None:
    """A refused token is renewed once. Then the host application is told."""
    good = host.site.credential
    with tab(host.browser, host.site) as found:
        refused = error(401, "unauthorized", "Unauthorized: the token has expired")
        before = host.site.tokens
        host.site.will("POST", "/invitations", refused)
        found.invite("one.renewed@example.com")
        found.closes()
        check(host.site.tokens >= before + 2 and found.page.evaluate("unauthorized") == 0, "The token must be renewed.")
        host.site.credential = "a.token.that-is-not-valid"
        found.invite("one.signedout@example.com")
        expect(found.dialog.get_by_role("alert")).to_contain_text("Sign in again.")
        until(lambda: found.page.evaluate("unauthorized"), "The host application must learn of it.")
        check(host.site.writes()[-1].headers["authorization"] == "Bearer a.token.that-is-not-valid", "A token is a bearer token.")
        host.site.credential = good
        found.press("Send invitation")
        found.closes()
        found.row("one.signedout@example.com").wait_for()


def start_fails(host: Host) -> None:
    good, host.site.credential = host.site.credential, "a.token.that-is-not-valid"
    try:
        with tab(host.browser, host.site, starts=False) as found:
            expect(found.page.get_by_role("alert")).to_contain_text("Sign in again.")
            found.is_sound()
            host.site.credential = good
            found.press("Try again")
            found.heading()
        # A page whose origin is not allowed cannot tell that from a service that is down.
        with tab(host.browser, host.site, starts=False, prepared=[("GET", "/invitations/caller", *[GONE] * 20)]) as found:
            expect(found.page.get_by_role("alert")).to_contain_text("CorsOrigins")
    finally:
        host.site.credential = good
