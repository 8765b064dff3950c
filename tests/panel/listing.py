"""The list: pages, filters, search, order, refreshes."""

import re

from browser.chromium import check
from browser.stand_in import GONE, Response
from playwright.sync_api import expect

from .host import Host
from .tab import WIDE, tab, until

ROWS = 60


def populate(host: Host) -> None:
    """Invitations in every state, and enough for several pages."""
    for number in range(ROWS // 20):
        rows = [{"email": f"page.{number * 20 + row:03}@example.com", "roleID": "read-only"} for row in range(20)]
        response = host.fixture.api.call("POST", "/invitations/bulk", {"invitations": rows})
        check(all(result["status"] == 201 for result in response.json["results"]), "All must be created.", response)
    host.fixture.api.create("state.revoked@example.com", "full-access")
    listed = host.fixture.api.call("GET", "/invitations?limit=1").json["invitations"]
    host.fixture.api.call("POST", f"/invitations/{listed[0]['id']}", {"state": "revoked"})
    expired = host.fixture.api.create("state.expired@example.com")
    host.fixture.expire(expired["id"])
    host.fixture.api.create("state.open@example.com", "full-access")


def pages(host: Host) -> None:
    # Without texts of the endpoint, the panel has its own.
    with tab(host.browser, host.site, prepared=[("GET", "/console/texts.json", Response(404, {}))]) as found:
        expect(found.page.locator(".row")).to_have_count(25)
        found.press("Load more")
        expect(found.page.locator(".row")).to_have_count(50)
        found.press("Load more")
        expect(found.page.locator(".row")).to_have_count(ROWS + 3)
        expect(found.page.get_by_role("button", name="Load more")).to_have_count(0)
        check(len(set(found.emails())) == ROWS + 3, "Each must be listed once.")
        found.focus_is("page.013@example.com" if found.emails()[50] == "page.013@example.com" else found.emails()[50])
        found.announces(f"{ROWS + 3} invitations shown")


# The left edges of the headings that are visible; and of each cell with something to say: the class, the edge, and whether its label is
# visible. Then what does not fit: buttons on a second line, and texts that are cut.
LAYOUT = """() => {
  const { shadowRoot } = document.querySelector("invitations-panel");
  const left = (element) => Math.round(element.getBoundingClientRect().left);
  const visible = (element) => element.checkVisibility() && element.getBoundingClientRect().width > 1;
  const all = (selector, within = shadowRoot) => [...within.querySelectorAll(selector)];
  const cells = all(".cell:not(.who)").filter((cell) => cell.querySelector(".value").textContent.trim());
  const lines = (row) => new Set(all("button", row).filter(visible).map((button) => button.getBoundingClientRect().top)).size;
  return {
    headings: Object.fromEntries(all(".head > *").filter(visible).map((heading) => [heading.textContent, left(heading)])),
    cells: cells.map((cell) => {
      const label = cell.querySelector(".label");
      return { name: label.textContent, left: left(cell), labelled: visible(label) };
    }),
    broken: all(".row .actions").filter((actions) => lines(actions) > 1).map((actions) => actions.innerText),
    cut: all(".row .value").filter((it) => it.clientWidth && it.scrollWidth > it.clientWidth + 1).map(({ innerText }) => innerText),
  };
}"""

SIZED = "width => { document.querySelector('main').style = `max-width: none; width: ${width}px; padding: 0` }"


def columns(host: Host) -> None:
    """In every width, each value has a heading above it or a label before it, the buttons are on one line, and nothing is cut."""
    caller = host.fixture.api.call("GET", "/invitations/caller").json
    # Somebody else, so that the inviter is an API key; and a cooldown that takes much space.
    other = caller | {"principal": f"{caller['principal']}x", "limits": caller["limits"] | {"resendCooldownSeconds": 119}}
    revoked = host.fixture.api.create("columns.revoked@example.com")
    host.fixture.api.call("POST", f"/invitations/{revoked['id']}", {"state": "revoked"})
    host.fixture.invite("columns.open@example.com")
    with tab(host.browser, host.site, prepared=[("GET", "/invitations/caller", Response(200, other))]) as found:
        found.find("columns.").shows("columns.open@example.com", "API key", "Delivered").row("columns.revoked@example.com").wait_for()
        expect(found.row("columns.open@example.com").locator(".wait")).to_have_text(re.compile(r"^ 1\d\ds$"), use_inner_text=False)
        for width in (360, 631, 632, 760, 960, 1150, 1231, 1232, 1280):
            found.page.evaluate(SIZED, width)
            layout = found.page.evaluate(LAYOUT)
            headings, cells = layout["headings"], layout["cells"]
            unnamed = [cell for cell in cells if not cell["labelled"] and headings.get(cell["name"]) != cell["left"]]
            check(cells and not unnamed, f"At {width} pixels, each value must have a heading or a label.", unnamed, headings)
            check(bool(headings) == (width >= 632), f"At {width} pixels, headings belong to a table.", headings)
            twice = [cell for cell in cells if cell["labelled"] and cell["name"] in headings]
            check(not twice, f"At {width} pixels, nothing must be named twice.", twice)
            check(not layout["cut"], f"At {width} pixels, no text must be cut.", layout["cut"])
            check(width < 632 or not layout["broken"], f"At {width} pixels, the buttons must be on one line.", layout["broken"])
            check(found.page.evaluate(WIDE) <= 0, f"At {width} pixels, nothing may scroll sideways.")


def closing_times(host: Host) -> None:
    """Only what is open expires. What is closed has the time since when it is, with its state."""
    with tab(host.browser, host.site) as found:
        found.find("state.").row("state.expired@example.com").wait_for()
        for address, state in (("expired", "Expired"), ("revoked", "Revoked")):
            row = found.row(f"state.{address}@example.com")
            expect(row.locator(".state")).to_have_text(re.compile(rf"{state} .*\d{{4}}"))
            expect(row.locator(".expiry")).to_be_hidden()
        row = found.row("state.open@example.com")
        expect(row.locator(".expiry .value")).to_have_text(re.compile(r"\d{4}"))
        expect(row.locator(".state time")).to_have_count(0)


def filters(host: Host) -> None:
    with tab(host.browser, host.site) as found:
        state, role = (found.page.get_by_label(label, exact=True) for label in ("State", "Role"))
        order, search = found.page.get_by_label("Order"), found.page.get_by_label("Search by address")
        state.select_option("revoked")
        expect(found.page.locator(".row")).to_have_count(1)
        found.shows("state.revoked@example.com", "Revoked", "full-access").offers("state.revoked@example.com")
        state.select_option("expired")
        found.shows("state.expired@example.com", "Expired").offers("state.expired@example.com", "Reopen", "Revoke")
        state.select_option("")
        role.select_option("full-access")
        expect(found.page.locator(".row")).to_have_count(2)
        state.select_option("invited")
        expect(found.page.locator(".row")).to_have_count(1)
        role.select_option("")
        state.select_option("")

        search.fill("st")
        expect(found.page.get_by_text("three or more characters")).to_be_visible()
        search.press_sequentially("ate.", delay=20)
        expect(found.page.locator(".row")).to_have_count(3)
        until(lambda: found.emails() == [f"state.{name}@example.com" for name in ("expired", "open", "revoked")], "A to Z.", found.emails)
        order.select_option(label="Z to A")
        until(lambda: found.emails()[:1] == ["state.revoked@example.com"], "Z to A.", found.emails)
        searches = [request for request in host.site.asked if "emailPrefix" in request.path]
        check(len(searches) <= 3, "Typing must not search at every key.", searches)
        search.fill("nobody.")
        expect(found.page.get_by_text("No invitation matches.")).to_be_visible()
        # What the API does not accept is said in its own words.
        search.fill("a b c")
        expect(found.page.get_by_role("alert").filter(has_text="emailPrefix")).to_have_count(1)
        search.fill("")
        expect(found.page.locator(".row")).to_have_count(25)


def refreshes(host: Host) -> None:
    """A change from elsewhere appears. Neither focus nor scroll position nor a dialog is lost."""
    sent = host.fixture.invite("refresh.accept@example.com")
    other = host.fixture.api.create("refresh.other@example.com")
    host.fixture.api.create("refresh.stays@example.com")
    with tab(host.browser, host.site) as found:
        found.act("Revoke", "refresh.other@example.com")
        found.press("Cancel")
        button = found.row("refresh.other@example.com").get_by_role("button", name="Change")
        button.focus()
        found.page.evaluate("scrollTo(0, 120)")
        host.accept(sent.token)
        newer = host.fixture.api.create("refresh.newer@example.com")
        found.shows("refresh.accept@example.com", "Accepted")
        found.row("refresh.newer@example.com").wait_for()
        found.focus_is("Change: refresh.other@example.com")
        check(found.page.evaluate("scrollY") >= 120, "The page must not jump.")
        button.press("Enter")
        found.dialog.get_by_label("Role").select_option("full-access")
        host.fixture.api.call("POST", f"/invitations/{newer['id']}", {"state": "revoked"})
        found.shows("refresh.newer@example.com", "Revoked")
        check(found.dialog.get_by_label("Role").input_value() == "full-access", "The dialog must be as it was.")
        found.press("Cancel")
        found.focus_is("Change: refresh.other@example.com")
        # The row with the focus goes: the next one gets it.
        found.page.get_by_label("Search by address").fill("refresh.")
        found.page.get_by_label("State", exact=True).select_option("invited")
        found.row("refresh.other@example.com").get_by_role("button", name="Change").focus()
        host.fixture.api.call("POST", f"/invitations/{other['id']}", {"state": "revoked"})
        expect(found.row("refresh.other@example.com")).to_have_count(0, timeout=20_000)
        found.focus_is("refresh.stays@example.com")


def hidden(host: Host) -> None:
    """Nobody reads a hidden list, so nothing is requested."""
    with tab(host.browser, host.site) as found:
        hide = "hidden => { Object.defineProperty(document, 'hidden', { get: () => hidden, configurable: true }); "
        hide += "document.dispatchEvent(new Event('visibilitychange')) }"
        found.page.evaluate(hide, True)
        found.page.wait_for_timeout(2500)
        before = len(host.site.asked)
        found.page.wait_for_timeout(5000)
        check(len(host.site.asked) == before, "A hidden panel must not refresh.", host.site.asked[before:])
        found.page.evaluate(hide, False)
        until(lambda: len(host.site.asked) > before, "A panel that is visible again must refresh.")


def failures(host: Host) -> None:
    """A list that fails says why, and can be loaded again."""
    unavailable = Response(
        503, {"code": "unavailable", "message": "Down for a moment.", "fields": {}, "requestId": "r"}, {"retry-after": "60"}
    )
    host.site.forget()
    with tab(host.browser, host.site) as found:
        host.site.will("GET", r"/invitations\?.*state=declined.*", unavailable)
        found.page.get_by_label("State", exact=True).select_option("declined")
        expect(found.page.get_by_role("alert").filter(has_text="Down for a moment.")).to_have_count(1)
        found.press("Try again")
        expect(found.page.get_by_text("No invitation matches.")).to_be_visible()
        # A short outage is not mentioned.
        host.site.will("GET", r"/invitations\?.*state=accepted.*", GONE, GONE)
        found.page.get_by_label("State", exact=True).select_option("accepted")
        found.row("refresh.accept@example.com").wait_for()
        # A refresh that fails leaves the list as it is.
        host.site.will("GET", r"/invitations\?.*", *[unavailable] * 2)
        found.page.evaluate("document.querySelector('invitations-panel').refresh()")
        expect(found.page.get_by_text("could not be refreshed")).to_be_visible()
        found.row("refresh.accept@example.com").wait_for()
