"""The console in the browser: signing in and out, and what its policy refuses."""

import json
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, Route
from service import Failed

from .chromium import DESK, PHONE, Visit, check, visit
from .sign_in_stand_in import ConsoleServer, Issuer, issuer_entry

WELCOME = "Invitations"
TOKEN = "document.querySelector('invitations-panel').getToken().catch((error) => `no token: ${error.message}`)"

# Whether the session has ended. The panel may already have asked for a token by itself.
ENDED = """
  document.querySelector('invitations-panel')?.getToken().catch(() => true)
    ?? document.querySelector('h1')?.textContent.includes('ended')
"""


def signed_in(found: Visit) -> None:
    """Waits for the panel."""
    try:
        found.page.wait_for_selector("invitations-panel", state="attached")
    except Exception:
        raise Failed(f"There must be a panel. The page says:\n{found.text()}\n{found.complaints}") from None


def stored(found: Visit) -> str:
    return found.page.evaluate(
        "JSON.stringify([{ ...sessionStorage }, { ...localStorage }, document.cookie, history.state, location.href])"
    )


def every_view(browser: Browser, binary: Path) -> None:
    """The views before signing in are legible and accessible, light and dark, small and large."""
    with Issuer() as one, Issuer() as other:
        for issuers, heading, offers in (
            ({}, "Nobody can sign in here yet", ()),
            ({"acme": issuer_entry(one)}, WELCOME, ("Sign in",)),
            ({"acme": issuer_entry(one), "globex": issuer_entry(other)}, WELCOME, ("Sign in with acme", "Sign in with globex")),
        ):
            with ConsoleServer(binary, issuers) as server:
                for options in ({"viewport": PHONE}, {"viewport": DESK, "color_scheme": "dark"}):
                    with visit(browser, server.origin, "access-1", **options) as found:
                        found.open(f"{server.origin}/console").sees(heading).offers(*offers).is_sound()
    with ConsoleServer(binary, {}) as server, visit(browser, server.origin, "access-1", java_script_enabled=False) as found:
        found.open(f"{server.origin}/console").says("This page needs JavaScript.")


def in_other_languages(browser: Browser, binary: Path) -> None:
    with tempfile.TemporaryDirectory() as folder, Issuer() as issuer:
        texts = {"panel": {"console_title": "دعوات", "console_sign_in": "تسجيل الدخول"}}
        Path(folder, "ar.json").write_text(json.dumps(texts))
        server = ConsoleServer(binary, {"acme": issuer_entry(issuer)}, TEXTS_DIR=folder)
        with server, visit(browser, server.origin, "access-1", locale="ar-EG") as found:
            found.open(f"{server.origin}/console").sees("دعوات").offers("تسجيل الدخول").is_sound()
            page = found.page.evaluate("[document.documentElement.lang, document.documentElement.dir]")
            check(page == ["ar-EG", "rtl"], "The page must have its language.", page)


def by_keyboard(browser: Browser, binary: Path) -> None:
    """A person signs in and out by the keyboard; the token is only in memory, and in no address."""
    with (
        Issuer() as issuer,
        ConsoleServer(binary, {"acme": issuer_entry(issuer, parameters={"audience": "a b"})}) as server,
        visit(browser, server.origin, "access-1", quiet=False) as found,
    ):
        found.open(f"{server.origin}/console").sees(WELCOME)
        found.page.keyboard.press("Tab")
        found.page.keyboard.press("Enter")
        signed_in(found)
        request = next(asked.parameters for asked in issuer.asked if asked.path == "/authorize")
        expected = {"tenant": "1", "audience": "a b", "response_type": "code", "client_id": "console", "scope": "openid"}
        expected |= {"redirect_uri": f"{server.origin}/console", "code_challenge_method": "S256"}
        check(expected.items() <= request.items(), "The request must be complete.", request)
        check(all(len(request[name]) == 43 for name in ("state", "nonce", "code_challenge")), "256 bits each.", request)
        exchange = next(asked for asked in issuer.asked if asked.path == "/token")
        check(not {"cookie", "referer"} & exchange.headers.keys(), "The exchange must have neither.", exchange)
        check(found.page.evaluate(TOKEN) == "access-1", "The panel must get the token.")
        check(stored(found) == json.dumps([{}, {}, "", None, f"{server.origin}/console"], separators=(",", ":")), stored(found))
        endpoint = found.page.evaluate("document.querySelector('invitations-panel').getAttribute('endpoint')")
        check(endpoint == server.origin, "The panel must call this API.", endpoint)
        check("connect-src 'self' " + issuer.origin in server.served["/console"]["headers"]["content-security-policy"], "The policy.")
        for asked in server.asked + issuer.asked:
            check("access-1" not in asked.url and "referer" not in asked.headers, "Neither a token nor a referrer.", asked)
        found.page.get_by_role("button", name="Sign out", exact=True).press("Enter")
        found.sees("You have signed out").offers("Sign in").is_sound()
        found.page.reload()
        found.sees(WELCOME)
        check(not found.complaints, "The console must be empty.", *found.complaints)


def forged_responses(browser: Browser, binary: Path) -> None:
    """What this tab has not requested signs nobody in, and sends no code."""
    with Issuer() as issuer, ConsoleServer(binary, {"acme": issuer_entry(issuer)}) as server:
        with visit(browser, server.origin, "access-1") as found:
            for query in (
                "code=code-1&state=x",
                "error=x&error_description=Call+us&state=x",
                "code=code-1",
                "state=",
                "code=a&state=b&iss=c",
            ):
                found.open(f"{server.origin}/console?{query}").sees(WELCOME)
                check("Call us" not in found.text(), "It must not be shown.")
                check(found.page.url == f"{server.origin}/console", "The address must be cleared.", found.page.url)
            check(not issuer.asked, "The issuer must not be called.", *issuer.asked)
        for wrong in ({"state": "other"}, {"iss": "https://evil.example"}, {"nonce": "x"}):
            issuer.wrong = wrong
            with visit(browser, server.origin, "access-1", quiet=False) as found:
                found.open(f"{server.origin}/console").sees(WELCOME).press("Sign in")
                found.sees(WELCOME if "state" in wrong else "You are not signed in")
                check(stored(found).startswith('[{},{},""'), "Nothing may be kept.", stored(found))
                check(not found.complaints, "The console must be empty.", *found.complaints)
        exchanged = [asked for asked in issuer.asked if asked.path == "/token"]
        check(len(exchanged) == 1, "Only the response with a wrong nonce leads to an exchange.", *exchanged)


def several_issuers(browser: Browser, binary: Path) -> None:
    """Each has an address to send people back to, so that none gets the code of another."""
    with (
        Issuer() as one,
        Issuer() as other,
        ConsoleServer(binary, {"acme": issuer_entry(one), "globex": issuer_entry(other)}) as server,
    ):
        with visit(browser, server.origin, "access-1", quiet=False) as found:
            found.open(f"{server.origin}/console").sees(WELCOME).press("Sign in with globex")
            signed_in(found)
            check(found.page.url == f"{server.origin}/console", "The address must be cleared.", found.page.url)
        asked = [asked.parameters["redirect_uri"] for asked in other.asked if asked.path != "/favicon.ico"]
        check(asked == [f"{server.origin}/console?issuer=globex"] * 2, "An address of its own, in both requests.", *asked)
        # It lets the person sign in at the other one, whose code then comes back.
        for back in (f"{server.origin}/console?issuer=acme", f"{server.origin}/console"):
            other.asked.clear()
            other.back = back
            with visit(browser, server.origin, "access-1", quiet=False) as found:
                found.open(f"{server.origin}/console").sees(WELCOME).press("Sign in with globex")
                found.sees("You are not signed in")
            check(not [asked for asked in one.asked + other.asked if asked.path == "/token"], "No code may be sent.", *other.asked)


def refused_by_the_issuer(browser: Browser, binary: Path) -> None:
    """Its reason is text, whatever it is."""
    hostile = "<img src=x onerror=alert(1)> {issuer}"
    with Issuer() as issuer, ConsoleServer(binary, {"acme": issuer_entry(issuer)}) as server:
        issuer.wrong = {"error": "access_denied", "error_description": hostile}
        with visit(browser, server.origin, "access-1", quiet=False) as found:
            found.open(f"{server.origin}/console").sees(WELCOME).press("Sign in")
            found.sees("You are not signed in").says(hostile).offers("Sign in").is_sound()
        issuer.wrong = {}
        issuer.requests.clear()
        with visit(browser, server.origin, "access-1", quiet=False) as found:
            found.open(f"{server.origin}/console").sees(WELCOME)
            found.page.route("**/token", lambda route: route.abort())
            found.press("Sign in")
            found.sees("You are not signed in").offers("Sign in")


def the_session_ends(browser: Browser, binary: Path) -> None:
    """An expired token is not sent. With a refresh token, the session goes on."""
    for more, expected in (({}, "no token: the session is over"), ({"refresh_token": "refresh-1"}, "access-of-refresh-1")):
        with (
            Issuer(expires_in=1, **more) as issuer,
            ConsoleServer(binary, {"acme": issuer_entry(issuer)}) as server,
            visit(browser, server.origin, "access-1", quiet=False) as found,
        ):
            found.open(f"{server.origin}/console").sees(WELCOME).press("Sign in")
            if more:
                signed_in(found)
                got = found.page.evaluate(TOKEN)
                check(got == expected, "The token must be renewed.", got)
                check("refresh-1" not in stored(found), "It must be in memory only.")
                continue
            # The panel may already have asked for a token by itself.
            found.page.wait_for_function(ENDED)
            found.sees("Your session has ended").offers("Sign in").is_sound()


def signing_out_during_a_renewal(browser: Browser, binary: Path) -> None:
    """Whoever signs out stays signed out, whatever a request in progress brings."""
    with (
        Issuer(expires_in=1, refresh_token="refresh-1") as issuer,
        ConsoleServer(binary, {"acme": issuer_entry(issuer)}) as server,
        visit(browser, server.origin, "access-1", quiet=False) as found,
    ):
        waiting = []

        def hold(route: Route) -> None:
            renews = "grant_type=refresh_token" in (route.request.post_data or "")
            _ = waiting.append(route) if renews else route.continue_()

        found.page.route("**/token", hold)
        found.open(f"{server.origin}/console").sees(WELCOME).press("Sign in")
        signed_in(found)
        # `void`, because `evaluate` would wait for it.
        late = "document.querySelector('invitations-panel').getToken().then(() => 'a token', () => 'none')"
        found.page.evaluate(f"void (globalThis.late = {late})")
        found.page.wait_for_timeout(200)
        found.press("Sign out")
        found.sees("You have signed out")
        for route in waiting:
            route.continue_()
        got = found.page.evaluate("globalThis.late")
        check((bool(waiting), got) == (True, "none"), "There must be no token any more.", waiting, got)


def signing_out_at_the_issuer(browser: Browser, binary: Path) -> None:
    with Issuer() as issuer:
        entry = issuer_entry(issuer, endSessionEndpoint=f"{issuer.origin}/logout", token="id")
        with ConsoleServer(binary, {"acme": entry}) as server, visit(browser, server.origin, "access-1", quiet=False) as found:
            found.open(f"{server.origin}/console").sees(WELCOME).press("Sign in")
            signed_in(found)
            check(found.page.evaluate(TOKEN).startswith("e30."), "The panel must get the ID token.")
            found.press("Sign out")
            found.page.wait_for_url("**/logout?**")
            request = next(asked.parameters for asked in issuer.asked if asked.path == "/logout")
            here = f"{server.origin}/console"
            check(request == {"client_id": "console", "post_logout_redirect_uri": here, "logout_uri": here}, "The request.", request)


def a_changed_panel(browser: Browser, binary: Path) -> None:
    """A browser runs neither a panel with other bytes nor a script whose hash the policy does not have."""
    broken = "This page could not be loaded"
    with Issuer() as issuer, ConsoleServer(binary, {"acme": issuer_entry(issuer)}) as server:
        page, file = server.served["/console"], server.served["/console/invitations-panel.js"]
        other = file | {"body": file["body"] + "\n"}
        html, csp = page["body"], page["headers"]["content-security-policy"]
        integrity = html.split('integrity="')[1].split('"')[0]
        without = page | {"body": html.replace(f' integrity="{integrity}"', "")}
        extra = "globalThis.ran = true;"
        inline = page | {"body": html.replace("</main>", f"</main><script>{extra}</script>")}
        for served, panel in ((page, other), (without, file)):
            server.served |= {"/console": served, "/console/invitations-panel.js": panel}
            with visit(browser, server.origin, "access-1", quiet=False) as found:
                found.open(f"{server.origin}/console").sees(WELCOME).press("Sign in")
                found.sees(broken).offers("Load again").is_sound()
        server.served |= {"/console": inline, "/console/invitations-panel.js": file}
        with visit(browser, server.origin, "access-1", quiet=False) as found:
            found.open(f"{server.origin}/console").sees(WELCOME)
            check(not found.page.evaluate("globalThis.ran"), "No other script may run.", csp)
            # Markup in a string, and requests to elsewhere.
            sink = "(() => { try { document.body.innerHTML = '<b>x</b>'; return 'written' } catch (error) { return error.name } })()"
            check(found.page.evaluate(sink) == "TypeError", "No string may become markup.")
            blocked = found.page.evaluate("fetch('http://127.0.0.1:9/').then(() => 'sent', (error) => error.name)")
            check(blocked == "TypeError" and any("connect-src" in each for each in found.complaints), blocked, *found.complaints)


def first_paint(browser: Browser, binary: Path) -> None:
    """Something is seen within 200 ms, in the best of a few attempts on a busy machine."""
    paint = "performance.getEntriesByName('first-contentful-paint').map((entry) => entry.startTime)[0]"
    with Issuer() as issuer, ConsoleServer(binary, {"acme": issuer_entry(issuer)}) as server:
        took = []
        for _ in range(5):
            with visit(browser, server.origin, "access-1") as found:
                found.open(f"{server.origin}/console").sees(WELCOME)
                took.append(found.page.wait_for_function(paint).json_value())
        check(min(took) <= 200, "The page must be painted within 200 ms.", took)


ALL = (
    every_view,
    first_paint,
    in_other_languages,
    by_keyboard,
    forged_responses,
    several_issuers,
    refused_by_the_issuer,
    the_session_ends,
    signing_out_during_a_renewal,
    signing_out_at_the_issuer,
    a_changed_panel,
)
