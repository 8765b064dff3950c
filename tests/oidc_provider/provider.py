"""The provider, and people who sign in with it."""

import base64
import hashlib
import json
import os
import secrets
import subprocess
import urllib.error
import urllib.request
from html.parser import HTMLParser
from http.client import HTTPResponse
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit

from caller import check, until
from service import ROOT, Failed, free_port
from sign_in_walk import Person

SERVER = ROOT / "tests/oidc_provider/server.mjs"
# Of the public clients in server.mjs.
REDIRECT_URI = "http://127.0.0.1/signed-in"
API = "https://invitations.example.com"
SCOPE = "openid email profile tenant invitations"


class Form(HTMLParser):
    """The form of a page: where it is sent, and its fields."""

    def __init__(self, page: HTTPResponse):
        super().__init__()
        self.action, self.fields = "", {}
        self.feed(page.read().decode())
        check(self.action, f"{page.url} must contain a form.")

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        values = dict(attributes)
        if tag == "form":
            self.action = values["action"]
        if tag == "input":
            self.fields[values["name"]] = values.get("value", "")


class Browser(urllib.request.HTTPRedirectHandler):
    """A browser with its own cookies. It follows redirects, except to the application."""

    def __init__(self):
        self.opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(), self)

    def redirect_request(self, request, file, code, message, headers, url):
        return None if url.startswith(REDIRECT_URI) else super().redirect_request(request, file, code, message, headers, url)

    def open(self, url: str, fields: dict[str, str] | None = None) -> HTTPResponse:
        """Returns the page at the end of the redirects, or the redirect to the application."""
        try:
            return self.opener.open(url, urlencode(fields).encode() if fields else None, timeout=30)
        except urllib.error.HTTPError as response:
            if response.headers["Location"]:
                return response
            raise Failed(f"{url} is a {response.code}: {response.read().decode()[:2000]}") from None


class Provider:
    """The provider, which keeps its address and keys when it is started again."""

    def __init__(self, directory: Path, people: list[Person]):
        (directory / "node_modules").symlink_to(Path(os.environ["NODE_TOOLS"], "node_modules").resolve())
        (directory / "server.mjs").write_bytes(SERVER.read_bytes())
        self.directory, self.port = directory, free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.people = {person.sub: claims(person) for person in people}
        self.process: subprocess.Popen | None = None

    def start(self, rotate: bool = False) -> None:
        options = {"port": self.port, "keys": "keys.json", "rotate": rotate, "people": self.people}
        with (self.directory / "log").open("w") as log:
            command = ["node", "server.mjs", json.dumps(options)]
            self.process = subprocess.Popen(command, cwd=self.directory, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        until(lambda: self.process.poll() is not None or "ready\n" in self.log(), "The provider must start.")
        check(self.process.poll() is None, "The provider must not end.", self.log())

    def rotate(self) -> None:
        """Starts it again, with new keys and those before them."""
        self.stop()
        self.start(rotate=True)

    def stop(self) -> None:
        if self.process:
            self.process.terminate()
            self.process.wait(20)
            self.process = None

    def __enter__(self) -> "Provider":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def log(self) -> str:
        return (self.directory / "log").read_text()

    def document(self, url: str) -> dict:
        return json.loads(Browser().open(url).read())

    def discovery(self) -> dict:
        return self.document(f"{self.url}/.well-known/openid-configuration")

    def key_ids(self) -> set[str]:
        """The published keys."""
        return {key["kid"] for key in self.document(self.discovery()["jwks_uri"])["keys"]}

    def sign_in(self, person: Person, application: str) -> dict[str, str]:
        """Signs the person in, and returns the response of the token endpoint (RFC 6749, RFC 7636, RFC 8707, RFC 9207)."""
        discovery, verifier, state = self.discovery(), secrets.token_urlsafe(32), secrets.token_urlsafe(16)
        query = {
            "client_id": application,
            "response_type": "code",
            "redirect_uri": REDIRECT_URI,
            "scope": SCOPE,
            "resource": API,
            "state": state,
            "code_challenge": base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }
        browser = Browser()
        login = Form(browser.open(f"{discovery['authorization_endpoint']}?{urlencode(query)}"))
        consent = Form(browser.open(login.action, {**login.fields, "login": person.sub, "password": "any"}))
        location = browser.open(consent.action, consent.fields).headers["Location"]
        check(location, "Signing in must lead back to the application.")
        response = dict(parse_qsl(urlsplit(location).query))
        check((response.get("state"), response.get("iss")) == (state, self.url), "The response must be that of this request.", response)
        code = {
            "grant_type": "authorization_code",
            "client_id": application,
            "redirect_uri": REDIRECT_URI,
            "resource": API,
            "code": response["code"],
            "code_verifier": verifier,
        }
        return json.loads(browser.open(discovery["token_endpoint"], code).read())


def claims(person: Person) -> dict[str, object]:
    given = {"email": person.email, "email_verified": True, "name": person.name, "role": person.role, "account": person.account}
    return {name: value for name, value in given.items() if value is not None}


def header(token: str) -> dict:
    text = token.split(".")[0]
    return json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
