"""The panel in a tab, as a person uses it."""

import re
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from browser.chromium import DESK, Visit, check, visit
from playwright.sync_api import Browser, Locator, Page, expect

from .site import Site

expect.set_options(timeout=10_000)

# Whether everything of the panel fits its width.
WIDE = """() => {
  const { view } = { view: document.querySelector("invitations-panel").shadowRoot.querySelector(".view") };
  return Math.max(document.documentElement.scrollWidth - document.documentElement.clientWidth, view.scrollWidth - view.clientWidth);
}"""
FOCUSED = """() => {
  const focused = document.activeElement?.shadowRoot?.activeElement;
  return focused ? (focused.getAttribute("aria-label") ?? focused.labels?.[0]?.textContent ?? focused.textContent) : "";
}"""


class Tab:
    def __init__(self, found: Visit, site: Site):
        self.visit, self.site = found, site
        self.page: Page = found.page

    def open(self) -> "Tab":
        self.visit.open(f"{self.site.origin}/")
        return self

    def heading(self) -> None:
        self.page.get_by_role("heading", level=2).wait_for()

    # --- Rows ----------------------------------------------------------------------------------------------------------

    def row(self, email: str) -> Locator:
        name = self.page.get_by_role("button", name=email, exact=True)
        return self.page.get_by_role("listitem").filter(has=name)

    def act(self, action: str, email: str) -> None:
        self.page.get_by_role("button", name=f"{action}: {email}", exact=True).click()

    def shows(self, email: str, *texts: str) -> "Tab":
        for text in texts:
            expect(self.row(email)).to_contain_text(text)
        return self

    def offers(self, email: str, *actions: str) -> "Tab":
        buttons = self.row(email).get_by_role("button", name=re.compile(": "))
        expect(buttons).to_have_text([re.compile(f"^{action}") for action in actions])
        return self

    def emails(self) -> list[str]:
        return self.page.locator(".row .name").all_text_contents()

    def find(self, prefix: str) -> "Tab":
        self.page.locator("input[type=search]").fill(prefix)
        return self

    # --- Dialogs -------------------------------------------------------------------------------------------------------

    @property
    def dialog(self) -> Locator:
        return self.page.get_by_role("dialog")

    def press(self, label: str | re.Pattern[str]) -> None:
        scope = self.dialog if self.dialog.count() else self.page
        scope.get_by_role("button", name=label, exact=isinstance(label, str)).click()

    def fill(self, label: str, value: str) -> None:
        self.dialog.get_by_label(label).fill(value)

    def closes(self) -> None:
        expect(self.dialog).to_have_count(0)

    def invite(self, email: str, role: str = "read-only") -> None:
        self.press("Invite")
        self.fill("Email address", email)
        self.dialog.get_by_label("Role").select_option(role)
        self.press("Send invitation")

    # --- Everything ----------------------------------------------------------------------------------------------------

    def announces(self, text: str) -> None:
        expect(self.page.get_by_role("status").filter(has_text=text)).to_have_count(1)

    def focus_is(self, label: str) -> None:
        until(lambda: self.focused() == label, f"The focus must be on '{label}'.", self.focused)

    def focused(self) -> str:
        return self.page.evaluate(FOCUSED)

    def is_sound(self) -> "Tab":
        wide = self.page.evaluate(WIDE)
        check(wide <= 0, "Nothing may scroll sideways.", wide)
        found = self.visit.axe()
        check(not found, "axe finds defects.", *found)
        return self

    def changes(self) -> list[dict]:
        return self.page.evaluate("changes")


def until(condition: Callable[[], object], sentence: str, evidence: Callable[[], object] = lambda: "", seconds: float = 10) -> object:
    """Waits for a result. Playwright handles its events only while it is called, so conditions ask the page or the site."""
    end = time.monotonic() + seconds
    while not (result := condition()):
        check(time.monotonic() < end, sentence, evidence())
        time.sleep(0.05)
    return result


@contextmanager
def tab(browser: Browser, site: Site, *, prepared: Iterable[tuple] = (), starts: bool = True, **options: object) -> Iterator[Tab]:
    """
    The panel in a fresh browser profile. Nothing may be loaded from elsewhere, and the credential is in no URL. `prepared`: arguments of
    `Site.will`. `starts`: whether it can.
    """
    site.forget()
    for responses in prepared:
        site.will(*responses)
    options = {"viewport": DESK} | options
    with visit(browser, site.origin, site.credential.split()[-1], **options) as found:
        opened = Tab(found, site).open()
        if starts:
            opened.heading()
        yield opened
