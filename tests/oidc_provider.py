#!/usr/bin/env python3
"""Tests that people sign in with a certified OpenID Connect provider, the npm package `oidc-provider`.

    python3 tests/oidc_provider.py

NODE_TOOLS is the directory into which npm installed the provider. People sign in through the authorization code flow with PKCE, in the
provider's own forms, and make the walk of sign_in_walk.py with its ID tokens (RS256) and its access tokens (ES256). Then the provider
rotates its keys, and is down, while the service runs. It stops at the first failure, with a sentence and exit status 1.
"""

import json
import re
import sys
import tempfile
import time
from pathlib import Path

from caller import Caller, Response, check, rejected, step, until
from oidc_provider.provider import API, Provider, header
from service import ROOT, Failed, Service
from sign_in_walk import ADMIN, INVITEE, Person, walk

ISSUER = "provider"  # its name in the configuration
APPLICATION = "host-application"
ALGORITHMS = {"id_token": "RS256", "access_token": "ES256"}
REFRESH = 1  # seconds between the runs of refresh-issuers
UNKNOWN_KEY = "the token is signed with a key that its issuer has not published"
WITHIN = 120  # seconds in which the tokens of a new key are accepted


def issuers(url: str) -> str:
    """The configuration of the service."""
    entry = {
        "issuer": url,
        "audience": {"values": [APPLICATION, API]},
        "account": {"claim": "/account", "kind": "id"},
        "role": {"claim": "/role", "map": {"admin": "full-access"}},
        "name": "/name",
        "email": "/email",
    }
    return json.dumps({ISSUER: entry})


def schedule() -> int:
    """Seconds between the runs of refresh-issuers on AWS."""
    function = re.search(r"^  RefreshIssuersFunction:$(.*?)^  \w", (ROOT / "template.yaml").read_text(), re.MULTILINE | re.DOTALL)
    return 60 * int(re.search(r"Schedule: rate\((\d+) minutes?\)", function[1])[1])


class Fixture:
    """A service that accepts the tokens of the provider, and an invitation."""

    def __init__(self, service: Service, provider: Provider):
        self.service, self.provider = service, provider
        invitation = self.caller(self.sign_in()["id_token"]).create("paths@example.com")
        self.list, self.describe = "/invitations?limit=1", f"/invitations/{invitation['id']}"

    def sign_in(self, application: str = APPLICATION) -> dict[str, str]:
        """The tokens of the administrator, by kind."""
        return self.provider.sign_in(ADMIN, application)

    def caller(self, token: str) -> Caller:
        return Caller(self.service.port, token=token)

    def accepted(self, tokens: dict[str, str], path: str) -> bool:
        """Whether both kinds of tokens are accepted. If not, their key must be unknown."""
        responses = [self.caller(tokens[kind]).call("GET", path) for kind in ALGORITHMS]
        refusals = [response for response in responses if response.status != 200]
        for response in refusals:
            unauthorized(response, UNKNOWN_KEY)
        return not refusals

    def refused(self, token: str, reason: str, path: str) -> None:
        unauthorized(self.caller(token).call("GET", path), reason)

    def logged(self, text: str) -> int:
        """How often the functions have logged this."""
        return sum(text in line for line in list(self.service.lines))


def unauthorized(response: Response, reason: str) -> None:
    body = rejected(response, 401, "unauthorized")
    check(body["message"] == f"Unauthorized: {reason}", f"It must say: {reason}.", response)
    challenge = f'Bearer realm="invitations", error="invalid_token", error_description="{reason}"'
    check(challenge in response.headers["WWW-Authenticate"], f"It must contain {challenge}.", response)


def key_ids(tokens: dict[str, str]) -> set[str]:
    return {header(tokens[kind])["kid"] for kind in ALGORITHMS}


def walks(it: Fixture) -> None:
    for kind, algorithm in ALGORITHMS.items():
        print(f"With {kind.replace('_', ' ')}s ({algorithm}):", flush=True)

        def token(person: Person, kind: str = kind, algorithm: str = algorithm) -> str:
            token = it.provider.sign_in(person, APPLICATION)[kind]
            check(header(token)["alg"] == algorithm, f"It must be signed with {algorithm}.", token)
            return token

        walk(it.service, ISSUER, token)


def hostile(it: Fixture) -> None:
    step("a token for another application is refused, and an expired one")
    it.refused(it.sign_in("another-application")["id_token"], "the token is for another application", it.list)
    it.refused(it.sign_in("yesterdays-application")["access_token"], "the token has expired", it.list)


def rotated(it: Fixture, first: dict[str, str]) -> dict[str, str]:
    limit = WITHIN - (schedule() - REFRESH)
    step(f"the provider rotates its keys: tokens of the new ones are accepted within {limit} s, on AWS within {WITHIN} s")
    began = time.monotonic()
    it.provider.rotate()
    second = it.sign_in()
    check(not key_ids(first) & key_ids(second), "The tokens must be signed with new keys.")
    check(key_ids(first) | key_ids(second) == it.provider.key_ids(), "The provider must publish the old keys, too.")
    while not it.accepted(second, it.list):
        check(it.accepted(first, it.list), "Until then, tokens of the old keys must be accepted.")
        check(time.monotonic() - began < limit, f"It takes longer than {limit} s.")
        time.sleep(0.5)
    print(f"  after {time.monotonic() - began:.1f} s", flush=True)
    check(it.accepted(first, it.list), "Tokens of the old keys must still be accepted.")
    return second


def removed(it: Fixture, first: dict[str, str], second: dict[str, str]) -> dict[str, str]:
    step("it rotates them again, and no longer publishes the first ones: their tokens are refused")
    check(it.accepted(first, it.describe), "Before, they must be accepted.")
    changes = it.logged("keys changed")
    it.provider.rotate()
    third = it.sign_in()
    check(key_ids(second) | key_ids(third) == it.provider.key_ids(), "The provider must publish the newest keys only.")
    until(lambda: it.logged("keys changed") > changes, "refresh-issuers must find the new keys.")
    # This function has read the keys for the walk, long enough ago to read them again for an unknown one.
    until(lambda: it.accepted(third, it.describe), "Tokens of the newest keys must be accepted.")
    check(it.accepted(second, it.describe), "So must those of the keys before.")
    for kind in ALGORITHMS:
        it.refused(first[kind], UNKNOWN_KEY, it.describe)
    return third


def down(it: Fixture, second: dict[str, str], third: dict[str, str]) -> None:
    step("the provider is down: valid tokens are accepted, also by a function that reads the keys only now")
    it.provider.stop()
    failures = it.logged("keys not refreshed")
    until(lambda: it.logged("keys not refreshed") > failures, "refresh-issuers must report that it fails.")
    check(it.accepted(second, it.describe) and it.accepted(third, it.describe), "They must be accepted.")
    it.caller(third["access_token"]).create("down@example.com")


def run(directory: Path) -> None:
    with Provider(directory, [ADMIN, INVITEE]) as provider:
        variables = {"ISSUERS": issuers(provider.url), "REFRESH_SECONDS": str(REFRESH)}
        with Service(directory / "state", **variables) as service:
            provider.start()
            step(f"make run on port {service.port}, with the issuer {provider.url}")
            service.start()
            it = Fixture(service, provider)
            first = it.sign_in()
            check(it.accepted(first, it.list), "Tokens of the provider must be accepted.")
            walks(it)
            hostile(it)
            second = rotated(it, first)
            third = removed(it, first, second)
            down(it, second, third)


def main() -> int:
    began = time.monotonic()
    try:
        with tempfile.TemporaryDirectory() as directory:
            run(Path(directory))
    except Failed as error:
        print(f"FAILED: {error}", file=sys.stderr)
        return 1
    print(f"Sign-in: passed after {time.monotonic() - began:.0f} s.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
