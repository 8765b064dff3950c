"""The pictures of the documentation."""

from pathlib import Path

from browser.chromium import DESK, PHONE
from caller import Caller
from playwright.sync_api import expect

from .host import Host
from .tab import tab

PICTURED = "210987654321"


def take(host: Host, directory: Path) -> None:
    """Of an account of their own."""
    fixture = host.fixture
    key = fixture.invoke("manage-api-keys", {"action": "create", "account": PICTURED, "role": "full-access", "name": "Jane Doe"})["key"]
    fixture.invoke("manage-account-settings", {"action": "set", "account": PICTURED, "name": "Example Ltd"})
    api = Caller(fixture.service.port, key)
    invited = {
        name: api.create(f"{name}@example.com", role)
        for name, role in (("kim.park", "manager"), ("ravi.shah", "read-only"), ("sam.lee", "full-access"), ("nora.new", "read-only"))
    }
    host.accept(fixture.sent(invited["kim.park"]["id"], "kim.park@example.com").token)
    api.call("POST", f"/invitations/{invited['ravi.shah']['id']}", {"state": "revoked"})
    api.create("bounce@simulator.amazonses.com", "read-only")
    before, host.site.credential = host.site.credential, f"ApiKey {key}"
    try:
        for name, viewport in (("panel.png", DESK | {"width": 1200, "height": 600}), ("panel-phone.png", PHONE)):
            with tab(host.browser, host.site, viewport=viewport, device_scale_factor=1.5) as found:
                found.page.evaluate("document.querySelector('h1').remove()")
                found.shows("bounce@simulator.amazonses.com", "Bounced").shows("nora.new@example.com", "Delivered")
                expect(found.page.locator(".wait:not(:empty)")).to_have_count(0, timeout=10_000)
                found.page.screenshot(path=directory / name)
    finally:
        host.site.credential = before
