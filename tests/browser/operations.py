"""What invitees do on the page. It acts only after a click, and with the token alone (T18)."""

import time

from playwright.sync_api import Browser
from service import Failed

from .chromium import Visit, check, visit
from .stand_in import GONE, TOKEN, Response, StandIn, error, invitation
from .views import EXAMPLE, REDIRECT, UNTIL

INVITED = invitation(display=EXAMPLE)
HEADING = "Jane Doe invites you to Example Ltd"


def invited(browser: Browser, stand_in: StandIn, **responses: Response | list[Response]):
    """Visits the link of an open invitation; `responses` are those of the other routes."""
    stand_in.will(**{"lookup": INVITED} | responses)
    return visit(browser, stand_in.origin, TOKEN)


def arrive(found: Visit, stand_in: StandIn) -> Visit:
    return found.open(f"{stand_in.url}#{TOKEN}").sees(HEADING)


def posted(stand_in: StandIn, *routes: str) -> None:
    # Accepting sends the role that the page has shown.
    shown = {"accept": {"roleID": "read-only"}}
    expected = [(f"/invitations/{route}", {"token": TOKEN} | shown.get(route, {})) for route in routes]
    check(stand_in.posts() == expected, f"The page must have sent {routes}.", stand_in.posts())


def by_keyboard(browser: Browser, stand_in: StandIn) -> None:
    with invited(browser, stand_in, accept=invitation("accepted", EXAMPLE)) as found:
        arrive(found, stand_in)
        found.page.keyboard.press("Tab")
        focused = found.page.evaluate("""() => {
          const { outlineStyle, outlineWidth } = getComputedStyle(document.activeElement);
          return [document.activeElement.textContent, outlineStyle, outlineWidth];
        }""")
        check(focused == ["Accept", "solid", "3px"], "The first Tab must focus Accept, visibly.", focused)
        found.page.keyboard.press("Enter")
        found.sees("You have accepted").offers("Continue")
        posted(stand_in, "lookup", "accept")
        found.page.keyboard.press("Tab")
        check(found.page.evaluate("document.activeElement.textContent") == "Continue", "The next Tab must focus Continue.")
        check(found.link("Continue") == {"href": REDIRECT, "rel": "noreferrer noopener", "target": None}, "The link must be the account's.")

    with invited(browser, stand_in, decline=invitation("declined", EXAMPLE)) as found:
        arrive(found, stand_in)
        for key in ("Tab", "Tab", "Enter"):
            found.page.keyboard.press(key)
        found.sees("Decline this invitation?")
        posted(stand_in, "lookup")
        for key in ("Tab", "Tab", "Enter"):  # goes back
            found.page.keyboard.press(key)
        found.sees(HEADING)
        for key in ("Tab", "Tab", "Enter"):
            found.page.keyboard.press(key)
        found.sees("Decline this invitation?")
        for key in ("Tab", "Enter"):
            found.page.keyboard.press(key)
        found.sees("You have declined").offers()
        posted(stand_in, "lookup", "decline")


def only_once(browser: Browser, stand_in: StandIn) -> None:
    """Repeated clicks send one request, and the page shows that it is busy."""
    slow = invitation("accepted", EXAMPLE)._replace(after=1)
    with invited(browser, stand_in, accept=slow) as found:
        arrive(found, stand_in)
        found.page.evaluate("""() => {
          const [accept, decline] = document.querySelectorAll("button");
          for (const button of [accept, accept, decline, accept]) button.click();
        }""")
        buttons = [(it.inner_text(), it.is_disabled(), it.get_attribute("aria-busy")) for it in found.page.locator("button").all()]
        check(buttons == [("Accept", True, "true"), ("Decline", True, None)], "Both must be disabled, and one busy.", buttons)
        check(found.page.get_by_role("status").inner_text() == "One moment…", "The status must say that the page is busy.")
        turning = []
        for motion in ("no-preference", "reduce"):
            found.page.emulate_media(reduced_motion=motion)
            turning.append(found.page.evaluate("getComputedStyle(document.querySelector('[aria-busy]'), '::after').animationName"))
        check(turning == ["turn", "none"], "The indicator must move, except with reduced motion.", turning)
        found.sees("You have accepted")
        check(found.page.get_by_role("status").inner_text() == "", "The status must be empty again.")
        posted(stand_in, "lookup", "accept")


def every_ending(browser: Browser, stand_in: StandIn) -> None:
    """The invitation has changed since the page was opened."""
    endings = {
        "already-accepted": ("This invitation has already been accepted", ["Continue"]),
        "already-declined": ("This invitation has already been declined", []),
        "already-revoked": ("This invitation was withdrawn", []),
        "expired": ("This invitation has expired", []),
    }
    for code, (heading, offers) in endings.items():
        for operation, presses in (("accept", ["Accept"]), ("decline", ["Decline", "Decline it"])):
            with invited(browser, stand_in, **{operation: error(400, code)}) as found:
                arrive(found, stand_in)
                for label in presses:
                    found.press(label)
                found.sees(heading).offers(*offers).is_sound()
                if code == "expired":
                    found.says(UNTIL)
                if code in ("already-accepted", "already-declined"):
                    found.says("If that was not you, tell the person who invited you.")
                posted(stand_in, "lookup", operation)
    with invited(browser, stand_in, accept=error(400, "domain-not-allowed"), decline=invitation("declined", EXAMPLE)) as found:
        arrive(found, stand_in).press("Accept")
        found.sees("This invitation cannot be accepted").offers("Decline").is_sound()
        for label in ("Decline", "Decline it"):
            found.press(label)
        found.sees("You have declined")
        posted(stand_in, "lookup", "accept", "decline")
    with invited(browser, stand_in, accept=error(404, "not-found")) as found:
        arrive(found, stand_in).press("Accept")
        found.sees("This link does not work").offers()
    for operation, presses in (("accept", ["Accept"]), ("decline", ["Decline", "Decline it"])):
        with invited(browser, stand_in, **{operation: error(403, "sign-in-required")}) as found:
            arrive(found, stand_in)
            for label in presses:
                found.press(label)
            found.sees(HEADING).offers("Sign in to continue")


def role_changed(browser: Browser, stand_in: StandIn) -> None:
    """The role has changed since it was shown: nobody accepts a role that they have not seen."""
    changed = invitation(display=EXAMPLE, roleID="full-access")
    lookup = [invitation(display=EXAMPLE), changed]
    accept = [error(400, "role-changed"), invitation("accepted", EXAMPLE, roleID="full-access")]
    with invited(browser, stand_in, lookup=lookup, accept=accept) as found:
        arrive(found, stand_in).says("read-only")
        found.press("Accept")
        # The heading stays the same.
        found.page.get_by_text("The role of this invitation has changed.").wait_for()
        found.says("full-access").offers("Accept", "Decline").is_sound()
        posted(stand_in, "lookup", "accept", "lookup")
        found.press("Accept")
        found.sees("You have accepted").says("full-access")
        check(stand_in.posts()[-1] == ("/invitations/accept", {"token": TOKEN, "roleID": "full-access"}), "The new role must be sent.")


def sign_in(browser: Browser, stand_in: StandIn) -> None:
    """The link passes the token to the host application in the fragment, which no browser sends."""
    for redirect, href in ((REDIRECT, f"{REDIRECT}#{TOKEN}"), ("http://127.0.0.1:9/x", f"http://127.0.0.1:9/x#{TOKEN}")):
        with invited(browser, stand_in, lookup=invitation(display={**EXAMPLE, "redirect": redirect}, binding="email")) as found:
            arrive(found, stand_in).offers("Sign in to continue")
            found_link = found.link("Sign in to continue")
            check(found_link == {"href": href, "rel": "noreferrer noopener", "target": None}, "The link must carry the token.", found_link)
            posted(stand_in, "lookup")


def bad_redirects(browser: Browser, stand_in: StandIn) -> None:
    """An invalid redirect in the account's settings never becomes a link."""
    for redirect in (
        "javascript:alert(1)",
        "data:text/html,x",
        "http://evil.example/",
        "//evil.example",
        "/elsewhere",
        "https://",
        "x",
        "",
    ):
        display = {"redirect": redirect}
        for response, heading in (
            (invitation("accepted", display), "This invitation has already been accepted"),
            (invitation(display=display, binding="email"), "Jane Doe invites you to an account"),
        ):
            with invited(browser, stand_in, lookup=response) as found:
                found.open(f"{stand_in.url}#{TOKEN}").sees(heading)
                check(found.page.locator("a").count() == 0, f"'{redirect}' must not become a link.", found.text())


def follow(browser: Browser, stand_in: StandIn) -> None:
    """Continue follows only a click, without a Referer."""
    with StandIn(stand_in.page, prefix="/welcome") as elsewhere:
        stand_in.will(lookup=invitation("accepted", {"redirect": elsewhere.url}))
        with visit(browser, stand_in.origin, TOKEN, quiet=False) as found:
            found.open(f"{stand_in.url}#{TOKEN}").sees("This invitation has already been accepted")
            check(not elsewhere.asked, "The page must not navigate by itself.", elsewhere.asked)
            found.page.get_by_role("link", name="Continue").click()
            found.sees("Open the link in your email")
            asked = elsewhere.asked[0]
            check(asked.path == "/welcome/accept" and "referer" not in asked.headers, "There must be no Referer.", asked)


def retries(browser: Browser, stand_in: StandIn) -> None:
    """Every failure can be retried, but not before the Retry-After of the service."""
    for response in (GONE, error(500, "internal-error"), error(503, "unavailable"), error(429, "too-many")):
        with invited(browser, stand_in, lookup=[response, INVITED], accept=[response, invitation("accepted", EXAMPLE)]) as found:
            found.open(f"{stand_in.url}#{TOKEN}")
            found.press("Try again")
            found.sees(HEADING).press("Accept")
            found.press("Try again")
            found.sees("You have accepted")
            posted(stand_in, "lookup", "lookup", "accept", "accept")
    with invited(browser, stand_in, accept=[error(503, "unavailable", Retry_After="2"), invitation("accepted", EXAMPLE)]) as found:
        arrive(found, stand_in).press("Accept")
        found.sees("Not available right now").says("You can try again in 2 seconds.")
        began = time.monotonic()
        check(found.page.locator("button").is_disabled(), "The button must be disabled until then.")
        found.press("Try again")  # waits until it is enabled
        waited = time.monotonic() - began
        check(1 < waited < 4, "The button must be enabled after 2 s.", waited)
        found.sees("You have accepted")
        posted(stand_in, "lookup", "accept", "accept")
    # The reply to an accept is lost. The second reply decides; a rejection means that this click did not accept.
    for second, heading in (
        (invitation("accepted", EXAMPLE), "You have accepted"),
        (error(400, "already-accepted"), "This invitation has already been accepted"),
    ):
        with invited(browser, stand_in, accept=[GONE, second]) as found:
            arrive(found, stand_in).press("Accept")
            found.press("Try again")
            found.sees(heading).offers("Continue")


def reload(browser: Browser, stand_in: StandIn) -> None:
    """A reload, another link in the same tab, and going back each show their own invitation."""
    with invited(browser, stand_in) as found:
        arrive(found, stand_in)
        check(found.page.evaluate("location.href") == stand_in.url, "The page must remove the token from the address.")
        found.page.reload()
        found.sees(HEADING)
        posted(stand_in, "lookup", "lookup")
        found.page.evaluate("location.hash = 'another-token'")
        found.page.wait_for_function("history.state?.token === 'another-token'")
        found.sees(HEADING)
        found.page.go_back()
        found.page.wait_for_function(f"history.state?.token === '{TOKEN}'")
        found.sees(HEADING)
        tokens = [body["token"] for _, body in stand_in.posts()]
        check(tokens == [TOKEN, TOKEN, "another-token", TOKEN], "Each entry of the history must have its own token.", tokens)
        check(found.page.evaluate("location.href") == stand_in.url, "The page must remove the token from the address.")
        stored = found.page.evaluate("[localStorage.length, sessionStorage.length, document.cookie]")
        check(stored == [0, 0, ""], "Nothing may be stored beyond the tab's history.", stored)
    # A new tab of the same browser has no token.
    stand_in.will(lookup=INVITED)
    with visit(browser, stand_in.origin, TOKEN) as found:
        found.open(stand_in.url).sees("Open the link in your email").offers()
        posted(stand_in)


def taken_along(browser: Browser, stand_in: StandIn) -> None:
    """Characters that an email client appends to the link are not part of the token, escaped or not."""
    encoded = ("%20", "%E2%80%8B", ".%0A", "%3E%2C", ").%C2%A0", "%26gt%3B", "%253E", "%")
    for behind in (".", ")", ">", "…", "\u200b", "*_", "_", "-", "&gt;", "&amp;gt", "&amp;gt;.", "Regards", *encoded):
        with invited(browser, stand_in, accept=invitation("accepted", EXAMPLE)) as found:
            found.open(f"{stand_in.url}#{TOKEN}{behind}").sees(HEADING)
            check(found.page.evaluate("history.state.token") == TOKEN, f"'{behind}' must not be kept.")
            found.press("Accept")
            found.sees("You have accepted")
            posted(stand_in, "lookup", "accept")
    for nothing in (".", "%20", "%E2%80%8B)"):
        stand_in.will(lookup=INVITED)
        with visit(browser, stand_in.origin, TOKEN) as found:
            found.open(f"{stand_in.url}#{nothing}").sees("Open the link in your email").offers()
            check(found.page.evaluate("location.href") == stand_in.url, "It must leave the address.")
            posted(stand_in)


def under_a_stage(browser: Browser, page: dict) -> None:
    with StandIn(page, prefix="/prod") as stand_in, invited(browser, stand_in, accept=invitation("accepted", EXAMPLE)) as found:
        arrive(found, stand_in).press("Accept")
        found.sees("You have accepted")
        posted(stand_in, "lookup", "accept")


def headers(stand_in: StandIn) -> None:
    """No request of this run contained a Referer, a cookie, a credential or the token in its path (T2)."""
    check(stand_in.ever, "There must be requests.")
    for asked in stand_in.ever:
        check(TOKEN not in asked.path, "The token must be in no path.", asked)
        for name in ("referer", "cookie", "authorization"):
            check(name not in asked.headers, f"There must be no {name}.", asked)
    unexpected = {(asked.method, asked.path) for asked in stand_in.ever} - {
        ("GET", "/accept"),
        *(("POST", f"/invitations/{operation}") for operation in ("lookup", "accept", "decline")),
    }
    check(not unexpected, "The page must send no other requests.", unexpected)


def checks_can_fail(browser: Browser, stand_in: StandIn) -> None:
    """The checks of this test notice defects."""
    stand_in.will(lookup=INVITED)
    quiet, sound = (lambda found: found.was_quiet(stand_in.origin, TOKEN)), (lambda found: found.is_sound())
    defects = [
        ("an inline style", "document.body.setAttribute('style', 'color: red')", quiet),
        (
            "a picture from elsewhere",
            "document.body.append(Object.assign(new Image(), { src: 'https://evil.example/x.png', alt: '' }))",
            quiet,
        ),
        ("markup from a string", "try { document.body.innerHTML = '<p>' } catch {}", quiet),
        ("the token in a URL", f"fetch('invitations/{TOKEN}')", quiet),
        ("text that is hard to read", "document.querySelector('dd').style.color = '#888'", sound),
        ("an edge that is hard to see", "document.querySelector('.primary').style.borderColor = '#ccc'", sound),
        ("text that is too wide", "document.querySelector('dd').style.width = '2000px'", sound),
        ("a picture without a description", "document.querySelector('img').removeAttribute('alt')", sound),
    ]
    for what, script, judge in defects:
        with visit(browser, stand_in.origin, TOKEN, quiet=False) as found:
            quiet(arrive(found, stand_in).is_sound())
            found.page.evaluate(f"() => {{ {script} }}")
            found.page.wait_for_timeout(300)
            try:
                judge(found)
            except Failed:
                continue
            raise Failed(f"This test does not notice {what}.")
