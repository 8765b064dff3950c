"""The page in old browsers, with unexpected responses, and when its script does not run."""

from playwright.sync_api import Browser

from .chromium import check, visit
from .operations import HEADING, INVITED, arrive, invited, posted
from .stand_in import TOKEN, Response, StandIn, invitation
from .views import EXAMPLE

# Functions that Safari 15, Chrome 90 or Firefox 90 lacks and that pages often call.
MODERN = """
  for (const [owner, names] of [
    [AbortSignal, ["any", "timeout"]],
    [Array, ["fromAsync"]],
    [Array.prototype, ["at", "findLast", "findLastIndex", "toReversed", "toSorted", "toSpliced", "with"]],
    [Element.prototype, ["getHTML", "setHTML", "setHTMLUnsafe"]],
    [Intl, ["DurationFormat", "Segmenter", "supportedValuesOf"]],
    [Map, ["groupBy"]],
    [Object, ["groupBy", "hasOwn"]],
    [Promise, ["try", "withResolvers"]],
    [Response, ["json"]],
    [String.prototype, ["at", "isWellFormed", "toWellFormed"]],
    [URL, ["canParse", "parse"]],
    [window, ["Iterator", "navigation", "scheduler", "structuredClone", "trustedTypes", "URLPattern"]],
  ]) for (const name of names) delete owner[name];
"""


def older_browsers(browser: Browser, stand_in: StandIn) -> None:
    """The page calls nothing that a browser of 2021 lacks. Otherwise an invitee could accept without seeing the result."""
    ways = [
        ({"accept": invitation("accepted", EXAMPLE)}, lambda it: (it.press("Accept"), it.sees("You have accepted").offers("Continue"))),
        ({"lookup": invitation(display=EXAMPLE, binding="email")}, lambda it: it.offers("Sign in to continue")),
        (
            {"decline": invitation("declined", EXAMPLE)},
            lambda it: (it.press("Decline"), it.press("Decline it"), it.sees("You have declined")),
        ),
    ]
    for responses, way in ways:
        with invited(browser, stand_in, **responses) as found:
            found.context.add_init_script(MODERN)
            arrive(found, stand_in)
            left = found.page.evaluate("[AbortSignal.timeout, Object.hasOwn, URL.canParse, [].at].filter(Boolean).length")
            check(left == 0, "The browser must be made older.", left)
            way(found)


def no_response(browser: Browser, stand_in: StandIn) -> None:
    """After 35 s the page stops waiting and says so."""
    with invited(browser, stand_in, accept=invitation("accepted", EXAMPLE)._replace(after=2)) as found:
        found.page.clock.install()
        arrive(found, stand_in).press("Accept")
        found.page.clock.fast_forward(34_000)
        check(found.page.get_by_role("status").inner_text() == "One moment…", "The page must still wait.", found.text())
        found.page.clock.fast_forward(2_000)
        found.sees("No connection").offers("Try again")


def unknown_responses(browser: Browser, stand_in: StandIn) -> None:
    """After a response of unknown form, the page shows an error and offers another try, for every request."""
    unknown = [
        invitation("postponed", EXAMPLE),
        invitation(display=EXAMPLE, expiry="soon"),
        Response(body={"state": "invited"}),
        Response(body=[]),
    ]
    for response in unknown:
        with invited(browser, stand_in, lookup=[response, INVITED], accept=[response, invitation("accepted", EXAMPLE)]) as found:
            found.open(f"{stand_in.url}#{TOKEN}").sees("Something went wrong").offers("Try again").is_sound()
            found.press("Try again")
            found.sees(HEADING).press("Accept")
            found.sees("Something went wrong").offers("Try again")
            found.press("Try again")
            found.sees("You have accepted")
            posted(stand_in, "lookup", "lookup", "accept", "accept")


def script_blocked(browser: Browser, stand_in: StandIn) -> None:
    """With scripts enabled and this one blocked, the page says so after the time that the script needs."""
    forbidden = {**stand_in.page["headers"], "content-security-policy": "script-src 'none'"}
    with StandIn({**stand_in.page, "headers": forbidden}) as blocked:
        for motion in ("no-preference", "reduce"):
            with visit(browser, blocked.origin, TOKEN, quiet=False, reduced_motion=motion) as found:
                found.open(f"{blocked.url}#{TOKEN}")
                heading = found.page.get_by_role("heading", name="Invitation")  # for screen readers
                check(heading.count() == 0 and found.text().strip() == "", "The page must first give the script its time.", found.text())
                heading.wait_for(timeout=5_000)
                found.says("This page needs JavaScript").is_sound()


def stale_responses(browser: Browser, stand_in: StandIn) -> None:
    """A late response replaces neither a newer one nor the view without a link."""
    slow = invitation("accepted", EXAMPLE)._replace(after=1)
    for fragment, heading in ((TOKEN, "This invitation was withdrawn"), ("", "Open the link in your email")):
        with invited(browser, stand_in, lookup=[INVITED, invitation("revoked", EXAMPLE)], accept=slow) as found:
            arrive(found, stand_in).press("Accept")
            if fragment:
                found.page.evaluate(f"location.hash = '{fragment}'")
            else:
                found.page.evaluate("history.replaceState(null, ''); dispatchEvent(new PopStateEvent('popstate'))")
            found.sees(heading)
            found.page.wait_for_timeout(1_500)
            found.sees(heading)


def restored_from_cache(browser: Browser, stand_in: StandIn) -> None:
    """A page restored from the browser's cache looks the invitation up again."""
    with invited(browser, stand_in, lookup=[INVITED, invitation("accepted", EXAMPLE)]) as found:
        arrive(found, stand_in)
        found.page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', { persisted: false }))")
        posted(stand_in, "lookup")
        found.page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))")
        found.sees("This invitation has already been accepted").offers("Continue")
        posted(stand_in, "lookup", "lookup")
