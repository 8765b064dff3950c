"""What the page does where it was not meant to be: in an old browser, with answers that it does not know, or not run at all."""

from playwright.sync_api import Browser

from .chromium import check, visit
from .deeds import HEADING, INVITED, arrive, invited, posted
from .stand_in import TOKEN, Answer, StandIn, invitation
from .views import EXAMPLE

# What Safari 15, Chrome 90 or Firefox 90 lacks and a page is likely to call.
YOUNGER = """
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
    """Nothing is called that a browser of 2021 lacks: its user would have accepted, and would not be told."""
    ways = [
        ({"accept": invitation("accepted", EXAMPLE)}, lambda it: (it.press("Accept"), it.sees("You have accepted").offers("Continue"))),
        ({"lookup": invitation(display=EXAMPLE, binding="email")}, lambda it: it.offers("Sign in to accept", "Decline")),
        ({"decline": invitation("declined", EXAMPLE)},
         lambda it: (it.press("Decline"), it.press("Decline it"), it.sees("You have declined"))),
    ]
    for answers, way in ways:
        with invited(browser, stand_in, **answers) as found:
            found.context.add_init_script(YOUNGER)
            arrive(found, stand_in)
            left = found.page.evaluate("[AbortSignal.timeout, Object.hasOwn, URL.canParse, [].at].filter(Boolean).length")
            check(left == 0, "The browser must be made older.", left)
            way(found)


def no_answer(browser: Browser, stand_in: StandIn) -> None:
    """After 35 s the page gives up, and says so."""
    with invited(browser, stand_in, accept=invitation("accepted", EXAMPLE)._replace(after=2)) as found:
        found.page.clock.install()
        arrive(found, stand_in).press("Accept")
        found.page.clock.fast_forward(34_000)
        check(found.page.get_by_role("status").inner_text() == "One moment…", "It must still be waited for.", found.text())
        found.page.clock.fast_forward(2_000)
        found.sees("No connection").offers("Try again")


def not_understood(browser: Browser, stand_in: StandIn) -> None:
    """An answer that the page was not made for ends in words and a way to try again, whichever call it answers."""
    strange = [invitation("postponed", EXAMPLE), invitation(display=EXAMPLE, expiry="soon"), Answer(body={"state": "invited"}), Answer(body=[])]
    for answer in strange:
        with invited(browser, stand_in, lookup=[answer, INVITED], accept=[answer, invitation("accepted", EXAMPLE)]) as found:
            found.open(f"{stand_in.url}#{TOKEN}").sees("Something went wrong").offers("Try again").is_sound()
            found.press("Try again")
            found.sees(HEADING).press("Accept")
            found.sees("Something went wrong").offers("Try again")
            found.press("Try again")
            found.sees("You have accepted")
            posted(stand_in, "lookup", "lookup", "accept", "accept")


def not_run(browser: Browser, stand_in: StandIn) -> None:
    """Where scripts are on and this one is kept from running, the page says so, once it would have run."""
    forbidden = {**stand_in.page["headers"], "content-security-policy": "script-src 'none'"}
    with StandIn({**stand_in.page, "headers": forbidden}) as blocked:
        for motion in ("no-preference", "reduce"):
            with visit(browser, blocked.origin, TOKEN, quiet=False, reduced_motion=motion) as found:
                found.open(f"{blocked.url}#{TOKEN}")
                heading = found.page.get_by_role("heading", name="Invitation")  # what is read out
                check(heading.count() == 0 and found.text().strip() == "", "The script must have its time.", found.text())
                heading.wait_for(timeout=5_000)
                found.says("This page needs JavaScript").is_sound()


def stale_answers(browser: Browser, stand_in: StandIn) -> None:
    """An answer that comes late does not show over a younger one, nor over a page without a link."""
    slow = invitation("accepted", EXAMPLE)._replace(after=1)
    for fragment, heading in ((TOKEN, "This invitation was withdrawn"), ("", "Open the link in your mail")):
        with invited(browser, stand_in, lookup=[INVITED, invitation("revoked", EXAMPLE)], accept=slow) as found:
            arrive(found, stand_in).press("Accept")
            if fragment:
                found.page.evaluate(f"location.hash = '{fragment}'")
            else:
                found.page.evaluate("history.replaceState(null, ''); dispatchEvent(new PopStateEvent('popstate'))")
            found.sees(heading)
            found.page.wait_for_timeout(1_500)
            found.sees(heading)


def way_back(browser: Browser, stand_in: StandIn) -> None:
    """A browser that kept the page while its reader was away asks anew."""
    with invited(browser, stand_in, lookup=[INVITED, invitation("accepted", EXAMPLE)]) as found:
        arrive(found, stand_in)
        found.page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', { persisted: false }))")
        posted(stand_in, "lookup")
        found.page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))")
        found.sees("This invitation has already been accepted").offers("Continue")
        posted(stand_in, "lookup", "lookup")
