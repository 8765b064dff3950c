"""A real Chromium, and the checks of every visit."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, TimeoutError
from service import Failed

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PHONE = {"width": 360, "height": 740}
DESK = {"width": 1280, "height": 800}

# Chromium's own message for an error response or a lost connection, which the tests provoke.
NETWORK_ERROR = "Failed to load resource: "

# The contrasts of WCAG: of every text with its background, and of the edge of every enabled button and link with its surroundings.
CONTRASTS = """() => {
  const canvas = Object.assign(document.createElement("canvas"), { width: 1, height: 1 }).getContext("2d", { willReadFrequently: true });
  const rgba = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const luminance = ([red, green, blue]) => {
    const [r, g, b] = [red, green, blue].map((part) => (
      part / 255 <= 0.04045 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4
    ));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (node) => {
    for (let at = node; at; at = at.parentElement) {
      const colour = rgba(getComputedStyle(at).backgroundColor);
      if (colour[3] === 255) return colour;
      if (colour[3] !== 0) throw new Error("a transparent background");
    }
    throw new Error("no background");
  };
  const contrast = (front, back) => {
    const [one, other] = [luminance(front), luminance(back)].sort((a, b) => b - a);
    return (one + 0.05) / (other + 0.05);
  };
  const texts = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const parent = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !parent.checkVisibility() || parent.closest(":disabled, script, noscript")) continue;
    texts.push([contrast(rgba(getComputedStyle(parent).color), behind(parent)), walker.currentNode.data]);
  }
  const edges = [...document.querySelectorAll("button:enabled, a")].map((element) => {
    return [contrast(rgba(getComputedStyle(element).borderTopColor), behind(element.parentElement)), element.textContent];
  });
  return { texts, edges };
}"""


def executable() -> str:
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, names)), None)
    if not found:
        raise Failed("Chromium is missing; install it (on Debian: chromium), or set CHROMIUM to its path.")
    return found


def launch(playwright: Playwright) -> Browser:
    """Headless, with a temporary profile."""
    return playwright.chromium.launch(executable_path=executable(), args=FLAGS)


class Visit:
    """One tab, with its requests and console messages."""

    def __init__(self, context: BrowserContext):
        self.context = context
        self.page: Page = context.new_page()
        self.page.set_default_timeout(10_000)
        self.urls: list[str] = []
        self.complaints: list[str] = []
        context.on("request", lambda request: self.urls.append(request.url))
        context.on("console", lambda message: self.complain(message.type, message.text))
        self.page.on("pageerror", lambda error: self.complain("error", str(error)))

    def complain(self, kind: str, text: str) -> None:
        if kind in ("error", "warning", "assert") and not text.startswith(NETWORK_ERROR):
            self.complaints.append(f"{kind}: {text}")

    def open(self, url: str) -> "Visit":
        self.page.goto(url)
        return self

    # --- What the page shows ---------------------------------------------------------------------------------------------

    def sees(self, heading: str) -> "Visit":
        """Waits until the page's only heading has this text and the focus."""
        focused = "text => document.activeElement.tagName === 'H1' && document.activeElement.textContent === text"
        try:
            self.page.wait_for_function(focused, arg=heading)
        except TimeoutError:
            raise Failed(f"There must be the heading '{heading}', focused. The page says:\n{self.text()}\n{self.complaints}") from None
        check(self.page.locator("h1").count() == 1, "There must be one h1.", self.text())
        return self

    def says(self, *texts: str) -> "Visit":
        for text in texts:
            check(text in self.text(), f"The page must say '{text}'.", self.text())
        return self

    def offers(self, *labels: str) -> "Visit":
        """Exactly these buttons and links, in this order."""
        found = [element.inner_text() for element in self.page.locator("button, a").all()]
        check(found == list(labels), f"The page must offer {labels}.", found)
        return self

    def text(self) -> str:
        return self.page.locator("main").inner_text()

    def press(self, label: str) -> None:
        self.page.get_by_role("button", name=label, exact=True).click()

    def link(self, label: str) -> dict[str, str | None]:
        found = self.page.get_by_role("link", name=label, exact=True)
        return {name: found.get_attribute(name) for name in ("href", "rel", "target")}

    # --- What applies to every view ------------------------------------------------------------------------------------

    def is_sound(self) -> "Visit":
        """The page is legible, fits the screen, and passes axe."""
        contrasts = self.page.evaluate(CONTRASTS)
        for what, least in (("texts", 4.5), ("edges", 3)):
            found = sorted(contrasts[what])
            check(all(contrast >= least for contrast, _ in found), f"All {what} must have a contrast of {least}.", found[:3])
        check(contrasts["texts"], "There must be text.", self.text())
        wide = self.page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
        check(wide[0] <= wide[1], "Nothing may scroll sideways.", wide, self.text())
        found = self.axe()
        check(not found, "axe finds defects.", *found)
        return self

    def axe(self) -> list[str]:
        # Evaluated like a browser extension, outside the page's content security policy.
        if not self.page.evaluate("typeof axe === 'object'"):
            self.page.evaluate(AXE_SCRIPT)
        violations = self.page.evaluate("axe.run({ resultTypes: ['violations'] }).then((found) => found.violations)")
        return [f"{it['id']}: {it['help']}: {[node['html'] for node in it['nodes']]}" for it in violations]

    def requested_only(self, *origins: str) -> None:
        """No console messages, and no requests to other origins."""
        check(not self.complaints, "The console must be empty.", *self.complaints)
        allowed = (*(f"{origin}/" for origin in origins), "data:")
        for url in self.urls:
            check(url.startswith(allowed), "Nothing may be loaded from elsewhere.", url)

    def was_quiet(self, origin: str, secret: str) -> None:
        """No console messages, no requests to other origins, and the secret in no URL."""
        self.requested_only(origin)
        for url in self.urls:
            # Except for the fragment, which browsers do not send.
            check(secret not in urlsplit(url)._replace(fragment="").geturl(), "The token must be in no URL.", url)


def check(condition: object, sentence: str, *evidence: object) -> None:
    if not condition:
        raise Failed("\n    ".join([sentence, *map(str, evidence)]))


@contextmanager
def visit(browser: Browser, origin: str, secret: str, *, quiet: bool = True, **options: object) -> Iterator[Visit]:
    """A tab in a fresh browser profile, checked by `was_quiet` at the end."""
    context = browser.new_context(**{"viewport": PHONE, "locale": "en-GB", "timezone_id": "UTC"} | options)
    try:
        found = Visit(context)
        yield found
        if quiet:
            found.was_quiet(origin, secret)
    finally:
        context.close()
