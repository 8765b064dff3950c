#!/usr/bin/env python3
"""Tests the panel in a real Chromium.

    python3 tests/panel.py [--screenshots DIRECTORY] [--only STEP]

First its bundle: that it is current and small. Then the element, in a page with a strict policy, against `make run`. It stops at the
first failure, with a sentence and exit status 1.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

from browser import chromium
from panel.host import COOLDOWN, ROLES, start
from playwright.sync_api import Error, sync_playwright
from service import Failed, Service

from panel import access, actions, bundle, hostile, listing, many, pictures

STEPS = (
    listing.pages,
    listing.filters,
    listing.refreshes,
    listing.hidden,
    listing.failures,
    listing.columns,
    listing.closing_times,
    actions.invite,
    actions.invite_refused,
    actions.lost_response,
    actions.resend,
    actions.bounced,
    actions.revoke,
    actions.change,
    actions.reopen,
    actions.links,
    actions.details,
    actions.signed_out,
    actions.start_fails,
    many.pasted,
    many.dropped,
    many.interrupted,
    many.quota,
    access.roles,
    access.by_keyboard,
    access.sound_everywhere,
    access.on_a_phone,
    access.other_languages,
    access.themed,
    access.embedded,
    access.checks_can_fail,
    hostile.stays_text,
)


def step(text: str) -> None:
    print(f"- {text}", flush=True)


def run(screenshots: Path | None, only: str | None) -> None:
    step("addresses and CSV")
    bundle.csv_is_understood()
    step(f"the bundle is current and has {bundle.is_current()} bytes compressed")
    variables = {
        "RESEND_COOLDOWN_SECONDS": str(COOLDOWN),
        "SEND_QUOTA": "2000",
        "ROLES": json.dumps(ROLES, separators=(",", ":")),
    }
    with (
        sync_playwright() as playwright,
        tempfile.TemporaryDirectory() as directory,
        Service(Path(directory), **variables) as service,
    ):
        browser = chromium.launch(playwright)
        step(f"Chromium {browser.version}, make run on port {service.port}")
        service.start()
        host = start(service, browser)
        with host.site:
            listing.populate(host)
            for operation in STEPS:
                name = operation.__name__.replace("_", " ")
                if only and only != operation.__name__:
                    continue
                step(f"{operation.__module__.split('.')[-1]}: {name}")
                operation(host)
            if screenshots:
                pictures.take(host, screenshots)
        browser.close()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--screenshots", type=Path, metavar="DIRECTORY", help="directory for pictures of the panel")
    parser.add_argument("--only", metavar="STEP", help="run only this step")
    arguments = parser.parse_args()
    try:
        run(arguments.screenshots, arguments.only)
    except (Failed, AssertionError, Error) as error:
        print(f"FAILED: {error}", file=sys.stderr)
        return 1
    print("Panel: passed.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
