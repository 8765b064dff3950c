"""Whatever names, roles, metadata and errors contain, it stays text."""

from browser.chromium import check
from browser.stand_in import Response
from playwright.sync_api import expect

from .actions import error
from .host import Host
from .tab import tab

STRINGS = (
    "<img src=x onerror=alert(1)>",
    "<script>window.defect = 1</script>",
    '"><svg onload="window.defect = 1">',
    "javascript:window.defect=1",
    "{email} {count} {{constructor}} ${7*7} %s",
    "\u202egnp.exe\u2069\u2069\u202e",
    "Z\u0351\u036b\u0343\u036a\u0302\u036b\u033d\u034f\u0334\u0319\u0324\u031e\u0349\u035a\u032f\u031e\u0320\u034d",
    "__proto__",
    "&lt;b&gt;&amp;",
    "\0\ufeff\u2028\u2029",
    "W" * 300,
    "constructor",
)


def stays_text(host: Host) -> None:
    for hostile in STRINGS:
        one(host, hostile)


def one(host: Host, hostile: str) -> None:
    invitation = {
        "id": "0" * 32,
        "email": hostile,
        "roleID": hostile,
        "state": "invited",
        "created": "2026-06-21T09:01:12Z",
        "lastModified": hostile,
        "expiry": "2030-06-21T09:01:12Z",
        "lastSent": "2026-06-21T09:01:12Z",
        "urn": hostile,
        "invitedBy": f"urn:x:user/dev:{hostile}%zz",
        "acceptedBy": hostile,
        "redirect": f"javascript:{hostile}",
        "metadata": {hostile: hostile},
        "delivery": {"state": hostile, "time": "2026-06-21T09:01:12Z", "reason": hostile},
    }
    caller = {
        "account": "012345678912",
        "principal": hostile,
        "displayName": hostile,
        "roleID": hostile,
        "permissions": [f"invitations:{what}" for what in ("read", "create", "modify", "link")] + [hostile],
        "grantableRoles": [hostile, "read-only"],
        "settings": {"name": hostile, "logo": f"https://elsewhere.example/{hostile}", "colour": f"red;{hostile}", "locales": [hostile]},
        "limits": {"resendCooldownSeconds": 0, "defaultExpirySeconds": 604800, "maxExpirySeconds": 2592000},
    }
    texts = {"en": {"direction": hostile, "roles": {"read-only": hostile}, "texts": {"title": hostile, "revoke_text": hostile + "{email}"}}}
    refused = error(400, "invalid-email", hostile)
    refused = refused._replace(body=refused.body | {"fields": {hostile: hostile, "email": hostile}})
    host.site.texts = texts
    try:
        page = Response(200, {"invitations": [invitation]})
        prepared = ("GET", "/invitations/caller", Response(200, caller)), ("GET", r"/invitations\?.*", *[page] * 200)
        with tab(host.browser, host.site, prepared=prepared) as found:
            found.page.wait_for_timeout(100)
            expect(found.page.locator(".row .name")).to_have_text(hostile, use_inner_text=False)
            found.is_sound()
            found.page.locator(".row .name").click()
            check(hostile in found.dialog.locator("dl").text_content(), "Metadata must be shown as text.")
            check(not found.dialog.locator("a").count(), "A redirect is no link.")
            found.is_sound()
            found.page.keyboard.press("Escape")
            host.site.will("POST", "/invitations", refused)
            found.page.locator("header .primary").click()
            found.dialog.locator("[name=email]").fill("a@example.com")
            found.dialog.locator("[name=roleID]").select_option("read-only")
            found.dialog.locator("[type=submit]").click()
            expect(found.dialog.get_by_role("alert")).to_have_count(2)
            found.is_sound()
            found.page.keyboard.press("Escape")
            host.site.will("POST", r"/invitations/bulk\?dryRun=true", Response(200, {"results": [{"status": 400, "error": refused.body}]}))
            found.page.locator("header button").first.click()
            found.dialog.locator("textarea").fill(f"{hostile[:80]}@example.com".replace(",", "").replace(";", "").replace('"', ""))
            found.dialog.locator("[type=submit]").click()
            expect(found.dialog.locator("td").last).not_to_be_empty()
            found.is_sound()
            found.page.keyboard.press("Escape")
            host.site.will("POST", r"/invitations/[0-9A-F]{32}", refused)
            found.page.locator(".row .danger").click()
            found.dialog.locator("[type=submit]").click()
            expect(found.page.locator(".row .error")).not_to_be_empty()
            found.is_sound()
            check(found.page.evaluate("window.defect") is None, "No script may run.")
            elements = "script, svg, iframe, img, b, [onerror], [onload]"
            count = found.page.evaluate(f"document.querySelector('invitations-panel').shadowRoot.querySelectorAll('{elements}').length")
            check(count == 0, "Nothing may become an element.", count)
    finally:
        host.site.texts = None
