"""Every view of the page: its text, and its layout on small screens, in dark mode and in other languages."""

import base64
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from playwright.sync_api import Browser

from . import function
from .chromium import DESK, PHONE, Visit, check, visit
from .stand_in import GONE, TOKEN, Response, StandIn, error, invitation

PIXEL = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
GIF = "R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"
REDIRECT = "https://app.example.com/start?from=mail"
EXAMPLE = {"name": "Example Ltd", "logo": PIXEL, "redirect": REDIRECT}
COLOURS = ["#0b5fff", "#000000", "#ffffff", "#ffe600", "#777777", "#c8102e", "#1a1d21", "#fefefe", "#00ffff"]


class View(NamedTuple):
    lookup: Response
    heading: str
    says: tuple[str, ...] = ()
    offers: tuple[str, ...] = ()
    then: Callable[[Visit], object] = lambda _: None
    token: str = f"#{TOKEN}"
    responses: dict[str, Response] = {}  # to the buttons pressed


def press(*labels: str) -> Callable[[Visit], object]:
    return lambda visit: [visit.press(label) for label in labels]


UNTIL = "21 June 2030 at 09:01 UTC"
FACTS = ("Your role", "read-only", "Invited email address", "jane.roe@example.com", "Open until", UNTIL)
BUTTONS = ("Accept", "Decline")
LONG = "W" * 40 + " " + "m" * 39

VIEWS = {
    "invited": View(invitation(display=EXAMPLE), "Jane Doe invites you to Example Ltd", FACTS, BUTTONS),
    "invited, by no one to nothing": View(invitation(invitedBy=None), "You are invited to an account", (*FACTS, "012345678912"), BUTTONS),
    "invited, by no one": View(invitation(display=EXAMPLE, invitedBy=None), "You are invited to Example Ltd", FACTS, BUTTONS),
    "invited, to nothing": View(invitation(), "Jane Doe invites you to an account", (*FACTS, "012345678912"), BUTTONS),
    "invited, long words": View(
        invitation(display={"name": LONG}, invitedBy=LONG, email=f"{'x' * 64}@{'y' * 60}.example", roleID="r" * 64),
        f"{LONG} invites you to {LONG}",
        ("r" * 64,),
        BUTTONS,
    ),
    "invited, hostile words": View(
        invitation(display={"name": "<img src=x onerror=alert(1)>"}, invitedBy="\u202e{account}</script>", roleID="<b>\u05d0</b>"),
        "\u202e{account}</script> invites you to <img src=x onerror=alert(1)>",
        ("<b>\u05d0</b>",),
        BUTTONS,
    ),
    "sign in": View(
        invitation(display=EXAMPLE, binding="email"),
        "Jane Doe invites you to Example Ltd",
        (*FACTS, "sign in with the invited email address"),
        ("Sign in to continue",),
    ),
    "sign in, nowhere": View(
        invitation(binding="email"),
        "Jane Doe invites you to an account",
        (*FACTS, "only be accepted or declined in the application"),
    ),
    "decline": View(
        invitation(display=EXAMPLE), "Decline this invitation?", ("You cannot undo this.",), ("Decline it", "Go back"), press("Decline")
    ),
    "accepted": View(
        invitation(display=EXAMPLE),
        "You have accepted",
        ("that you accepted the role read-only",),
        ("Continue",),
        press("Accept"),
        responses={"accept": invitation("accepted", EXAMPLE)},
    ),
    "accepted, nowhere to go": View(
        invitation(),
        "You have accepted",
        ("that you accepted the role read-only", "close this page"),
        (),
        press("Accept"),
        responses={"accept": invitation("accepted")},
    ),
    "declined": View(
        invitation(display=EXAMPLE),
        "You have declined",
        ("ask to be invited again",),
        (),
        press("Decline", "Decline it"),
        responses={"decline": invitation("declined", EXAMPLE)},
    ),
    "accepted by someone": View(
        invitation("accepted", EXAMPLE), "This invitation has already been accepted", ("If that was not you, tell",), ("Continue",)
    ),
    "accepted by someone, nowhere to go": View(
        invitation("accepted"), "This invitation has already been accepted", ("If that was not you, tell",)
    ),
    "declined by someone": View(
        invitation("declined", EXAMPLE),
        "This invitation has already been declined",
        ("If that was not you, tell", "ask to be invited again"),
    ),
    "revoked": View(invitation("revoked", EXAMPLE), "This invitation was withdrawn", ("can no longer be accepted",)),
    "expired": View(invitation("expired", EXAMPLE), "This invitation has expired", (f"open until {UNTIL}",)),
    "unknown": View(error(404, "not-found"), "This link does not work", ("Open the link in the latest email.",)),
    "no token": View(
        error(404, "not-found"),
        "Open the link in your email",
        ("with the link in the invitation email", "copy the link from the email into this one"),
        token="",
    ),
    "no connection": View(GONE, "No connection", ("Check your connection",), ("Try again",)),
    "too many": View(error(429, "send-quota", Retry_After="20"), "Not available right now", ("try again in ",), ("Try again",)),
    "maintenance": View(
        error(503, "maintenance", Retry_After="3600"), "Not available right now", ("try again in 60 minutes",), ("Try again",)
    ),
    "a defect": View(error(500, "internal-error"), "Something went wrong", ("request-7",), ("Try again",)),
    "a gateway's own 404": View(Response(404, {"message": "Not Found"}), "Something went wrong", ("a little later",), ("Try again",)),
    "a gateway's own words": View(Response(502, {"message": "Bad Gateway"}), "Something went wrong", ("a little later",), ("Try again",)),
}


def all_views(browser: Browser, stand_in: StandIn) -> int:
    """Checks every view on a phone, in light and dark mode."""
    for view in VIEWS.values():
        for scheme in ("light", "dark"):
            stand_in.will(lookup=view.lookup, **view.responses)
            with visit(browser, stand_in.origin, TOKEN, color_scheme=scheme) as found:
                found.open(stand_in.url + view.token)
                view.then(found)
                found.sees(view.heading).says(*view.says).offers(*view.offers).is_sound()
                spoken = found.page.evaluate("[document.documentElement.lang, document.documentElement.dir]")
                check(spoken == ["en-GB", "ltr"], "The language must be declared.", spoken)
                check(found.page.title().startswith(view.heading), "The title must begin with the heading.", found.page.title())
                check(found.page.url == stand_in.url, "The token must have left the address.", found.page.url)
                routes = ["lookup", *view.responses] if view.token else []
                # Accepting sends the role that was shown.
                shown = {"accept": {"roleID": (view.lookup.body or {}).get("roleID")}}
                posts = [(f"/invitations/{route}", {"token": TOKEN} | shown.get(route, {})) for route in routes]
                check(stand_in.posts() == posts, "The page must send one lookup and nothing else.", stand_in.posts())
    return len(VIEWS)


def all_colours(browser: Browser, stand_in: StandIn) -> None:
    """No colour of an account makes text or edges hard to see."""
    for colour in COLOURS:
        stand_in.will(lookup=invitation(display={**EXAMPLE, "colour": colour}))
        for scheme in ("light", "dark"):
            with visit(browser, stand_in.origin, TOKEN, color_scheme=scheme, viewport=DESK) as found:
                found.open(f"{stand_in.url}#{TOKEN}").sees("Jane Doe invites you to Example Ltd").is_sound()
                red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
                button = found.page.get_by_role("button", name="Accept")
                painted = button.evaluate("element => getComputedStyle(element).backgroundColor")
                check(painted == f"rgb({red}, {green}, {blue})", f"The button must be {colour}.", painted)
    stand_in.will(lookup=invitation(display={"colour": "red; background: url(https://evil.example)"}))
    with visit(browser, stand_in.origin, TOKEN) as found:
        found.open(f"{stand_in.url}#{TOKEN}").sees("Jane Doe invites you to an account").is_sound()


def small_and_large(browser: Browser, stand_in: StandIn) -> None:
    """The page fits small phones, also with text of twice the size."""
    for size in ({"width": 320, "height": 480}, PHONE, DESK):
        for name in ("invited, long words", "sign in"):
            stand_in.will(lookup=VIEWS[name].lookup)
            with visit(browser, stand_in.origin, TOKEN, viewport=size, reduced_motion="reduce") as found:
                found.open(f"{stand_in.url}#{TOKEN}").sees(VIEWS[name].heading)
                found.is_sound()
                found.page.evaluate("document.documentElement.style.fontSize = '200%'")
                found.is_sound()


def without_scripts(browser: Browser, stand_in: StandIn) -> None:
    stand_in.will()
    with visit(browser, stand_in.origin, TOKEN, java_script_enabled=False) as found:
        found.open(f"{stand_in.url}#{TOKEN}")
        check(found.page.locator("h1").inner_text() == "Invitation", "There must be a heading.", found.text())
        found.says("This page needs JavaScript").offers()
        check([asked.method for asked in stand_in.asked] == ["GET"], "There must be one GET.", stand_in.asked)


def in_other_languages(browser: Browser, stand_in: StandIn) -> None:
    """Without a translation the page is English and declares it."""
    for chosen, of_reader, lang, expiry in (
        (["en-GB"], "de-DE", "en-GB", "21 June 2030 at 05:01"),
        (["en-GB"], "en-US", "en-GB", "21 June 2030 at 05:01"),
        (["en"], "en-GB", "en-GB", "21 June 2030 at 05:01"),
        (["en-GB-oxendict"], "de-DE", "en-GB-oxendict", "21 June 2030 at 05:01"),
        (["en"], "en-US", "en-US", "June 21, 2030 at 5:01"),
        (["tlh"], "ja-JP", "en", "June 21, 2030 at 5:01"),
        (["tlh", "en-GB"], "ja-JP", "en-GB", "21 June 2030 at 05:01"),
        ([], "en-GB", "en-GB", "21 June 2030 at 05:01"),
        ([], "ja-JP", "en", "June 21, 2030 at 5:01"),
        (["not a locale"], "de-DE", "en", "June 21, 2030 at 5:01"),
    ):
        stand_in.will(lookup=invitation(display={"locales": chosen}))
        with visit(browser, stand_in.origin, TOKEN, locale=of_reader, timezone_id="America/New_York") as found:
            found.open(f"{stand_in.url}#{TOKEN}").sees("Jane Doe invites you to an account").says(expiry)
            spoken = found.page.evaluate("document.documentElement.lang")
            check(spoken == lang, f"{chosen} must appear to {of_reader} as {lang}.", spoken)


GERMAN = {
    "invited_by_someone_somewhere": "Sie sind in ein Konto eingeladen",
    "accept": "Annehmen",
    "decline": "Ablehnen",
    "unknown_title": "Dieser Link funktioniert nicht",
    "noscript": "Ohne JavaScript geht es nicht.",
}
ROLES = {"de": {"read-only": "Nur lesen"}}
ARABIC = {"invited_by_someone_somewhere": "\u062a\u0645\u062a \u062f\u0639\u0648\u062a\u0643"}


def with_a_logo_for_all(browser: Browser, binary: Path) -> None:
    """The deployment's logo serves accounts without one, and views without an account."""
    with tempfile.TemporaryDirectory() as directory:
        (Path(directory) / "logo.gif").write_bytes(base64.b64decode(GIF))
        page = function.invoke(binary, function.get("/accept"), TEXTS_DIR=directory)
    common = (f"data:image/gif;base64,{GIF}", "")
    with StandIn(page) as stand_in:
        for response, heading, picture in (
            (invitation(display=EXAMPLE), "Jane Doe invites you to Example Ltd", (PIXEL, "Example Ltd")),
            (invitation(display={"name": "Example Ltd"}), "Jane Doe invites you to Example Ltd", common),
            (error(404, "not-found"), "This link does not work", common),
            (GONE, "No connection", common),
        ):
            stand_in.will(lookup=response)
            with visit(browser, stand_in.origin, TOKEN) as found:
                found.open(f"{stand_in.url}#{TOKEN}").sees(heading).is_sound()
                shown = found.page.evaluate("[...document.images].map(({ src, alt, naturalWidth }) => [src, alt, naturalWidth])")
                check(shown == [[*picture, 1]], f"'{heading}' must have the picture.", shown)


def translated(browser: Browser, binary: Path) -> None:
    """With translations, the page uses the invitation's language, else the account's, else the browser's."""
    with tempfile.TemporaryDirectory() as directory:
        for locale, words in (("de", GERMAN), ("ar", ARABIC)):
            (Path(directory) / f"{locale}.json").write_text(json.dumps({"page": words, "roles": ROLES.get(locale, {})}))
        page = function.invoke(binary, function.get("/accept"), TEXTS_DIR=directory)
    with StandIn(page) as stand_in:
        german, arabic, both = GERMAN["invited_by_someone_somewhere"], ARABIC["invited_by_someone_somewhere"], ("Annehmen", "Ablehnen")
        for chosen, of_reader, spoken, heading, offers, role in (
            (["de"], "en-GB", ["de", "ltr"], german, both, "Nur lesen"),
            (["de-CH"], "en-GB", ["de-CH", "ltr"], german, both, "Nur lesen"),
            (["ar", "de"], "en-GB", ["ar", "rtl"], arabic, BUTTONS, "read-only"),
            (["fr", "ar"], "de-AT", ["ar", "rtl"], arabic, BUTTONS, "read-only"),
            (["fr"], "de-AT", ["de-AT", "ltr"], german, both, "Nur lesen"),
            (["en"], "de-AT", ["en", "ltr"], "You are invited to an account", BUTTONS, "read-only"),
            # Without a chosen language, and before the lookup has returned, it is the browser's.
            ([], "de-AT", ["de-AT", "ltr"], german, both, "Nur lesen"),
            (None, "de-AT", ["de-AT", "ltr"], GERMAN["unknown_title"], (), ""),
        ):
            known = chosen is not None
            stand_in.will(lookup=invitation(display={"locales": chosen}, invitedBy=None) if known else error(404, "not-found"))
            with visit(browser, stand_in.origin, TOKEN, locale=of_reader) as found:
                found.open(f"{stand_in.url}#{TOKEN}").sees(heading).says(role).offers(*offers).is_sound()
                now = found.page.evaluate("[document.documentElement.lang, document.documentElement.dir]")
                check(now == spoken, f"{chosen} must appear to {of_reader} as {spoken}.", now)
        with visit(browser, stand_in.origin, TOKEN, java_script_enabled=False) as found:
            found.open(stand_in.url).says("This page needs JavaScript", GERMAN["noscript"])
