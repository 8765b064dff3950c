"""The running service with roles of different permissions, and a site for each."""

from typing import NamedTuple

from browser.flows import ACCOUNT, Fixture
from browser.stand_in import Response
from caller import Caller, check
from playwright.sync_api import Browser
from service import Service

from .site import Site

ALL = ["invitations:read", "invitations:create", "invitations:modify", "invitations:link"]
ROLES = {
    "full-access": {"can": ALL, "mayGrant": ["*"]},
    "read-only": {"can": ["invitations:read"], "mayGrant": []},
    "manager": {"can": ["invitations:read", "invitations:create", "invitations:modify"], "mayGrant": ["read-only"]},
    "inviter": {"can": ["invitations:create"], "mayGrant": ["read-only"]},
}
COOLDOWN = 3  # seconds


class Host(NamedTuple):
    fixture: Fixture
    browser: Browser
    site: Site
    keys: dict[str, str]

    def as_role(self, role: str) -> None:
        self.site.credential = f"ApiKey {self.keys[role]}"

    def caller(self, **settings: object) -> tuple[str, str, Response]:
        """A response about the caller with other settings of the account, for `Site.will`. The functions keep settings for 30 seconds."""
        response = self.fixture.api.call("GET", "/invitations/caller").json
        return "GET", "/invitations/caller", Response(200, response | {"settings": response["settings"] | settings})

    def accept(self, token: str) -> None:
        """As the invitee."""
        response = Caller(self.fixture.service.port).call("POST", "/invitations/accept", {"token": token})
        check(response.status == 200, "The invitee must be able to accept.", response)


def keys(fixture: Fixture) -> dict[str, str]:
    def create(role: str) -> str:
        return fixture.invoke("manage-api-keys", {"action": "create", "account": ACCOUNT, "role": role, "name": "Jane Doe"})["key"]

    return {role: create(role) for role in ROLES}


def start(service: Service, browser: Browser) -> Host:
    fixture = Fixture(service, browser)
    created = keys(fixture)
    site = Site(service.port, f"ApiKey {created['full-access']}")
    return Host(fixture, browser, site, created)
