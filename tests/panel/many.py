"""Inviting many: pasted, dropped, interrupted, and more than the quota allows."""

import json
import re

from browser.chromium import check
from browser.stand_in import GONE, Response
from playwright.sync_api import expect

from .actions import error
from .host import Host
from .tab import Tab, tab

ROWS = 250


def open_with(found: Tab, text: str) -> None:
    found.press("Invite many")
    found.fill("Addresses or CSV", text)
    found.dialog.get_by_label("Role of rows without one").select_option("full-access")
    found.press("Check")


def result(found: Tab, email: str):
    return found.dialog.get_by_role("row").filter(has=found.page.get_by_text(email, exact=True))


def bulks(host: Host, dry: bool) -> list:
    return [request for request in host.site.writes("/invitations/bulk") if ("dryRun" in request.path) == dry]


def pasted(host: Host) -> None:
    """250 rows with a header, quotes and semicolons: checked first, then sent in three requests."""
    host.fixture.api.create("many.known@example.com")
    rows = [f'"many.{number:03}@example.com";{"read-only" if number % 2 else ""};gold' for number in range(ROWS - 4)]
    rows += ["many.known@example.com;", "not-an-address;", '"MANY.000@example.com";read-only', '"""quoted"", really";no-such-role']
    with tab(host.browser, host.site) as found:
        open_with(found, "\r\n".join(["Email;roleID;metadata.plan", *rows]))
        found.press(re.compile("Send 246 invitations"))
        check(len(bulks(host, True)) == 3, "The check must be of at most 100 rows each.", bulks(host, True))
        check(all("idempotency-key" not in request.headers for request in bulks(host, True)), "A dry run takes no key.")
        expect(found.dialog).to_contain_text("246 invitations were created.")
        for email, sentence in (
            ("many.000@example.com", "Invited"),
            ("many.known@example.com", "this address already has an open invitation"),
            ("not-an-address", "'not-an-address' is not an e-mail address"),
            ("MANY.000@example.com", "Row 1 has the same address."),
            ('"quoted", really', "is not an e-mail address"),
        ):
            expect(result(found, email)).to_contain_text(sentence)
        sent = bulks(host, False)
        check(len(sent) == 3 and len({request.headers["idempotency-key"] for request in sent}) == 3, "Each needs a key of its own.", sent)
        roles = [row["roleID"] for request in sent for row in json.loads(request.body)["invitations"]]
        check(roles.count("read-only") == 123 and roles.count("full-access") == 123, "Rows without a role must get the chosen one.", roles)
        plans = {row.get("metadata", {}).get("plan") for request in sent for row in json.loads(request.body)["invitations"]}
        check(plans == {"gold"}, "The host application's metadata must be sent.", plans)
        found.press("Close")
        found.closes()
        found.focus_is("Invite many")
        check(len(found.changes()) == 246, "The host application must learn of each.", len(found.changes()))
        listed = host.fixture.api.call("GET", "/invitations?emailPrefix=many.&limit=100").json
        check(len(listed["invitations"]) == 100 and "next" in listed, "They must exist.", listed)


def dropped(host: Host) -> None:
    """A file, dropped and chosen; addresses as email programs write them."""
    drop = """(zone, text) => {
      const data = new DataTransfer();
      data.items.add(new File([text], "people.csv", { type: "text/csv" }));
      zone.dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true, composed: true }));
    }"""
    with tab(host.browser, host.site) as found:
        found.press("Invite many")
        area = found.dialog.get_by_label("Addresses or CSV")
        area.evaluate(drop, "\ufeffAnn Doe <drop.ann@example.com>, drop.bob@example.com\n\ndrop.cid@example.com,read-only\n")
        expect(area).to_have_value(re.compile("drop.cid"))
        found.press("Check")
        # Two have no role yet.
        expect(result(found, "drop.ann@example.com")).to_contain_text("is requiredCannot be invited")
        expect(found.dialog).to_contain_text("1 person can be invited.")
        found.press("Back")
        found.dialog.get_by_label("Role of rows without one").select_option("read-only")
        found.press("Check")
        expect(found.dialog).to_contain_text("3 people can be invited.")
        found.press("Back")
        expect(area).to_have_value(re.compile("drop.cid"))
        file = {"name": "people.csv", "mimeType": "text/csv", "buffer": b"email,expiry\ndrop.dan@example.com,2020-01-01T00:00:00Z\n"}
        found.dialog.get_by_label("Choose a file").set_input_files(file)
        expect(area).to_have_value(re.compile("drop.dan"))
        found.press("Check")
        expect(result(found, "drop.dan@example.com").locator("td").last).to_contain_text("expiry: ")
        expect(found.dialog).to_contain_text("1 row cannot be sent.")
        expect(found.dialog.get_by_role("button", name=re.compile("Send"))).to_have_count(0)
        found.press("Back")
        found.dialog.get_by_label("Choose a file").set_input_files({**file, "buffer": b"\x89PNG\0\0"})
        expect(found.dialog.get_by_role("alert")).to_contain_text("not a text file")
        area.fill("name,email,Address\nDan,drop.dan@example.com,Main Street 1")
        found.press("Check")
        expect(found.dialog.get_by_role("alert")).to_contain_text("These columns are unknown or occur twice: name, Address.")
        area.fill("  \n ")
        found.press("Check")
        expect(found.dialog.get_by_role("alert")).to_contain_text("Enter at least one address.")
        found.press("Cancel")
        check(not bulks(host, False), "Nothing may be sent.", bulks(host, False))


def interrupted(host: Host) -> None:
    """Whatever is lost on the way, sending again creates nobody twice."""
    text = "\n".join(f"cut.{number:03}@example.com" for number in range(150))
    down = error(503, "unavailable", "Down for longer.", retry_after="60")
    with tab(host.browser, host.site) as found:
        host.site.will("POST", r"/invitations/bulk\?dryRun=true", down)
        open_with(found, text)
        expect(found.dialog.get_by_role("alert")).to_contain_text("Down for longer.")
        found.press("Try again")
        found.dialog.get_by_role("button", name="Send 150 invitations").wait_for()
        host.site.will("POST", "/invitations/bulk", GONE)
        found.press("Send 150 invitations")
        expect(found.dialog).to_contain_text("150 invitations were created.")
        keys = [request.headers["idempotency-key"] for request in bulks(host, False)]
        check(len(keys) == 3 and keys[0] == keys[1] != keys[2], "A repeated request must have its key again.", keys)
        found.press("Close")
    with tab(host.browser, host.site) as found:
        open_with(found, "cut.again@example.com")
        found.dialog.get_by_role("button", name="Send 1 invitation", exact=True).wait_for()
        host.site.will("POST", "/invitations/bulk", down)
        found.press("Send 1 invitation")
        expect(found.dialog.get_by_role("alert")).to_contain_text("Down for longer.")
        found.press("Send 1 invitation")
        expect(found.dialog).to_contain_text("1 invitation was created.")
        keys = [request.headers["idempotency-key"] for request in bulks(host, False)]
        check(len(keys) == 2 and keys[0] == keys[1], "Sending again must have the same key.", keys)


def quota(host: Host) -> None:
    """Rows beyond the quota wait, and say for how long."""
    created = {"status": 201}
    waits = {"status": 429, "error": {"code": "send-quota", "message": "the next window starts in 3 s", "fields": {}, "retryAfter": 3}}
    with tab(host.browser, host.site) as found:
        host.site.will("POST", r"/invitations/bulk\?dryRun=true", Response(200, {"results": [created, waits]}))
        open_with(found, "quota.one@example.com\nquota.two@example.com")
        expect(found.dialog).to_contain_text("1 row has to wait for 3 seconds.")
        expect(result(found, "quota.two@example.com")).to_contain_text("the next window starts in 3 s")
        found.press("Send 1 invitation")
        expect(found.dialog).to_contain_text("1 invitation was created.")
        found.dialog.get_by_role("button", name="Send 1 invitation", exact=True).click()
        expect(found.dialog).to_contain_text("2 invitations were created.")
        keys = {request.headers["idempotency-key"] for request in bulks(host, False)}
        check(len(keys) == 2, "Other rows need another key.", keys)
