#!/usr/bin/env python3
"""Tests the invitee's page and the console in a real Chromium.

    python3 tests/browser.py [--screenshots DIRECTORY]

First the page alone, as the real function serves it, with a stand-in for the API that gives every possible response. Then the
console, with a stand-in for an issuer. Then whole flows against `make run`, from an invitation through its email to a decision. It
stops at the first failure, with a sentence and exit status 1.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from browser import chromium, console, error_handling, flows, function, operations, views
from browser.stand_in import StandIn
from playwright.sync_api import Browser, sync_playwright
from service import Failed, Service


def step(text: str) -> None:
    print(f"- {text}", flush=True)


def the_page(browser: Browser) -> None:
    binary = function.build("accept-page")
    page = function.invoke(binary, function.get("/accept"))
    with StandIn(page) as stand_in:
        step(f"{views.all_views(browser, stand_in)} views, in light and in dark")
        step(f"{len(views.COLOURS)} colours")
        views.all_colours(browser, stand_in)
        step("small screens and large text")
        views.small_and_large(browser, stand_in)
        step("no scripts, other languages")
        views.without_scripts(browser, stand_in)
        views.in_other_languages(browser, stand_in)
        views.translated(browser, binary)
        step("a logo for all accounts")
        views.with_a_logo_for_all(browser, binary)
        for operation in (
            operations.by_keyboard,
            operations.only_once,
            operations.every_ending,
            operations.role_changed,
            operations.sign_in,
            operations.bad_redirects,
            operations.follow,
            operations.retries,
            operations.reload,
            operations.taken_along,
            error_handling.older_browsers,
            error_handling.no_response,
            error_handling.unknown_responses,
            error_handling.script_blocked,
            error_handling.stale_responses,
            error_handling.restored_from_cache,
        ):
            step(operation.__name__.replace("_", " "))
            operation(browser, stand_in)
        step("under a stage's prefix")
        operations.under_a_stage(browser, page)
        step("no request has a Referer, a cookie or the token in its URL")
        operations.headers(stand_in)
        step("the checks notice defects")
        operations.checks_can_fail(browser, stand_in)


def the_console(browser: Browser) -> None:
    binary = function.build("console-page")
    for part in console.ALL:
        step(f"the console: {part.__name__.replace('_', ' ')}")
        part(browser, binary)


def whole_flows(browser: Browser, screenshots: Path | None) -> None:
    # The reconciler stays off, because one step checks that nothing writes.
    variables = {"RESEND_COOLDOWN_SECONDS": "1", "RECONCILE_SECONDS": "3600"}
    with tempfile.TemporaryDirectory() as directory, Service(Path(directory), **variables) as service:
        step(f"make run on port {service.port}")
        service.start()
        fixture = flows.Fixture(service, browser)
        step("from an invitation through its email to an acceptance")
        flows.accept(fixture, screenshots)
        step("every other outcome")
        flows.endings(fixture)
        step("an account that requires signing in")
        flows.sign_in(fixture)
        step("only a POST writes")
        flows.only_posts_write(fixture)


def run(screenshots: Path | None) -> None:
    with sync_playwright() as playwright:
        browser = chromium.launch(playwright)
        step(f"Chromium {browser.version}")
        the_page(browser)
        the_console(browser)
        whole_flows(browser, screenshots)
        browser.close()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--screenshots", type=Path, metavar="DIRECTORY", help="directory for pictures of the page and the email")
    try:
        run(parser.parse_args().screenshots)
    except Failed as error:
        print(f"FAILED: {error}", file=sys.stderr)
        return 1
    print("Browser: passed.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
