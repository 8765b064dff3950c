#!/usr/bin/env python3
"""Proves the page behind the mail's link in a real Chromium.

    python3 tests/browser.py [--screenshots FOLDER]

First the page alone, as the real function answers it: behind it stands in a server that gives every answer the API may give,
so that every view is seen. Then the whole way against `make run`, from an invitation over its mail to an answer. It ends at
the first thing that is not as it should be, with a sentence and exit status 1.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from browser import chromium, deeds, function, mishaps, views, walk
from browser.stand_in import StandIn
from service import Failed, Service


def step(text: str) -> None:
    print(f"- {text}", flush=True)


def the_page(browser: Browser) -> None:
    binary = function.build("accept-page")
    page = function.answer(binary, function.get("/accept"))
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
        for deed in (deeds.by_keyboard, deeds.only_once, deeds.every_ending, deeds.sign_in, deeds.bad_redirects, deeds.follow,
                     deeds.trouble, deeds.reload, deeds.taken_along, mishaps.older_browsers, mishaps.no_answer,
                     mishaps.not_understood, mishaps.not_run, mishaps.stale_answers, mishaps.way_back):
            step(deed.__name__.replace("_", " "))
            deed(browser, stand_in)
        step("under a stage's prefix")
        deeds.under_a_stage(browser, page)
        step("no request has a Referer, a cookie or the token in its URL")
        deeds.headers(stand_in)
        step("this test notices what it looks for")
        deeds.the_watch_works(browser, stand_in)


def the_whole_way(browser: Browser, screenshots: Path | None) -> None:
    # No reconciler, which writes whenever it finds something: one step looks whether anybody does.
    variables = {"RESEND_COOLDOWN_SECONDS": "1", "RECONCILE_SECONDS": "3600"}
    with tempfile.TemporaryDirectory() as folder, Service(Path(folder), **variables) as service:
        step(f"make run on port {service.port}")
        service.start()
        world = walk.World(service, browser)
        step("from an invitation over its mail to an acceptance")
        walk.accept(world, screenshots)
        step("every other ending")
        walk.endings(world)
        step("an account whose application signs people in")
        walk.sign_in(world)
        step("nothing but a POST writes")
        walk.only_posts_write(world)


def prove(screenshots: Path | None) -> None:
    with sync_playwright() as playwright:
        browser = chromium.launch(playwright)
        step(f"Chromium {browser.version}")
        the_page(browser)
        the_whole_way(browser, screenshots)
        browser.close()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--screenshots", type=Path, metavar="FOLDER", help="where pictures of the page and of the mail go")
    try:
        prove(parser.parse_args().screenshots)
    except Failed as error:
        print(f"FAILED: {error}", file=sys.stderr)
        return 1
    print("Browser: all as it should be.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
