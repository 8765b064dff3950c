"""A client of the service over HTTP, and checks of its responses, for tests from outside."""

import http.client
import json
import time
from collections.abc import Callable
from typing import NamedTuple

from service import Failed


def check(condition: object, sentence: str, *evidence: object) -> None:
    if not condition:
        raise Failed("\n    ".join([sentence, *map(str, evidence)]))


def step(text: str) -> None:
    print(f"- {text}", flush=True)


def until(find: Callable[[], object], sentence: str, seconds: float = 30) -> object:
    """Waits for a result."""
    end = time.monotonic() + seconds
    while not (found := find()):
        check(time.monotonic() < end, sentence)
        time.sleep(0.2)
    return found


class Response(NamedTuple):
    status: int
    headers: http.client.HTTPMessage
    text: str

    @property
    def json(self) -> dict:
        return json.loads(self.text)

    def __str__(self) -> str:
        return f"{self.status} {dict(self.headers)} {self.text}"


def lasting(invitation: dict) -> dict:
    """The invitation without `delivery`, which can change at any time."""
    return {name: value for name, value in invitation.items() if name != "delivery"}


class Caller:
    """A client with an API key, with a bearer token, or without a credential."""

    def __init__(self, port: int, key: str | None = None, token: str | None = None):
        self.port, self.key, self.token = port, key, token

    def call(self, method: str, path: str, body: object = None, **headers: str) -> Response:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=40)
        try:
            if self.key:
                headers["Authorization"] = f"ApiKey {self.key}"
            if self.token:
                headers["Authorization"] = f"Bearer {self.token}"
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            raw = connection.getresponse()
            return Response(raw.status, raw.headers, raw.read().decode())
        finally:
            connection.close()

    def create(self, email: str, role: str = "read-only") -> dict:
        response = self.call("POST", "/invitations", {"email": email, "roleID": role})
        check(response.status == 201, f"Creating {email} must be a 201.", response)
        return response.json

    def pages(self, limit: int) -> list[list[dict]]:
        """All pages of the list."""
        pages, path = [], f"/invitations?limit={limit}"
        while len(pages) < 100:
            response = self.call("GET", path)
            check(response.status == 200, f"GET {path} must be a 200.", response)
            pages.append(response.json["invitations"])
            if "next" not in response.json:
                return pages
            path = f"/invitations?limit={limit}&cursor={response.json['next']}"
        raise Failed("The list does not end.")

    def everything(self) -> list[dict]:
        return [invitation for page in self.pages(100) for invitation in page]

    def lasting(self) -> list[dict]:
        return list(map(lasting, self.everything()))


class Inbox(Caller):
    """The emails and events of `make run`."""

    def email_of(self, invitation: dict) -> dict | None:
        emails = self.call("GET", "/emails.json").json
        return next((email for email in emails if email["tags"]["invitation"] == invitation["id"]), None)

    def events_of(self, invitation: dict) -> list[dict]:
        events = self.call("GET", "/events.json").json
        return [event for event in events if event["detail"]["invitation"]["id"] == invitation["id"]]


def rejected(response: Response, status: int, code: str) -> dict:
    check(response.status == status, f"This must be a {status}.", response)
    body = response.json
    check(body["code"] == code and body["message"] and body["requestId"], f"The error must be {code}.", response)
    check(response.headers["Content-Type"] == "application/json", "An error must be JSON.", response)
    check(response.headers["X-Request-Id"] and response.headers["Cache-Control"] == "no-store", "Headers are missing.", response)
    return body
