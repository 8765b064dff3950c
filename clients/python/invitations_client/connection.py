"""Credentials, keys and retries of every request."""

import re
import uuid
from collections.abc import Callable
from typing import Any

import httpx
from attrs import define, field

from .client import AuthenticatedClient
from .models import Error, GatewayMessage
from .retry import Attempts, Outcome, Retry

Credential = str | Callable[[], str]
"""An API key, or a function that yields a bearer token. The function is called for each attempt, so it can renew the token."""

# The service responds within 30 seconds.
TIMEOUT = httpx.Timeout(35)
# The writes that take an Idempotency-Key. A test compares them with openapi.yaml.
KEYED = re.compile(r"/invitations(/bulk|/[0-9A-Fa-f]{32})?$")


@define
class Connection(AuthenticatedClient):
    """The `client` argument of the generated functions. `connect` makes one."""

    token: str = field(default="", init=False)
    credential: Credential = field(kw_only=True, repr=False)
    retry: Retry = field(kw_only=True)

    def get_httpx_client(self) -> httpx.Client:
        if self._client is None:
            self._client = _Client(self, **self._settings())
        return self._client

    def get_async_httpx_client(self) -> httpx.AsyncClient:
        if self._async_client is None:
            self._async_client = _AsyncClient(self, **self._settings())
        return self._async_client

    def _settings(self) -> dict[str, Any]:
        return {
            "base_url": self._base_url,
            "cookies": self._cookies,
            "headers": self._headers,
            "timeout": self._timeout,
            "verify": self._verify_ssl,
            "follow_redirects": self._follow_redirects,
            **self._httpx_args,
        }

    def authorization(self) -> str:
        return f"ApiKey {self.credential}" if isinstance(self.credential, str) else f"Bearer {self.credential()}"


def connect(base_url: str, credential: Credential, *, retry: Retry | None = None, **options: Any) -> Connection:
    """A client of the API at `base_url`, which does not include `/invitations`. `options` are those of `AuthenticatedClient`."""
    options = {"timeout": TIMEOUT, "raise_on_unexpected_status": True, **options}
    return Connection(base_url=base_url, credential=credential, retry=retry or Retry(), **options)


class ApiError(Exception):
    """An error that no function returns: of a page, or of the gateway in front of the service, whose body has no `code`."""

    def __init__(self, status: int, body: Error | GatewayMessage | None):
        super().__init__(f"{status}: {body.message if body else 'no message'}")
        self.status = status
        self.body = body


def add_key(request: httpx.Request) -> None:
    """Gives a write a key unless the caller does. A dry run takes none."""
    keyed = request.method == "POST" and KEYED.search(request.url.path) and request.url.params.get("dryRun") != "true"
    if keyed and "Idempotency-Key" not in request.headers:
        request.headers["Idempotency-Key"] = str(uuid.uuid4())


class _Client(httpx.Client):
    def __init__(self, connection: Connection, **settings: Any):
        super().__init__(**settings)
        self.connection = connection

    def send(self, request: httpx.Request, **options: Any) -> httpx.Response:
        add_key(request)
        retry = self.connection.retry
        attempts = Attempts(request, retry)
        while True:
            request.headers["Authorization"] = self.connection.authorization()
            outcome: Outcome
            try:
                outcome = super().send(request, **options)
            except httpx.TransportError as error:
                outcome = error
            seconds = attempts.wait(outcome)
            if seconds is None:
                return _result(outcome)
            retry.clock.sleep(seconds)


class _AsyncClient(httpx.AsyncClient):
    def __init__(self, connection: Connection, **settings: Any):
        super().__init__(**settings)
        self.connection = connection

    async def send(self, request: httpx.Request, **options: Any) -> httpx.Response:
        add_key(request)
        retry = self.connection.retry
        attempts = Attempts(request, retry)
        while True:
            request.headers["Authorization"] = self.connection.authorization()
            outcome: Outcome
            try:
                outcome = await super().send(request, **options)
            except httpx.TransportError as error:
                outcome = error
            seconds = attempts.wait(outcome)
            if seconds is None:
                return _result(outcome)
            await retry.clock.sleep_async(seconds)


def _result(outcome: Outcome) -> httpx.Response:
    if isinstance(outcome, httpx.TransportError):
        raise outcome
    if outcome.status_code >= 400:
        try:
            body = outcome.json()
        except ValueError:
            body = None
        if not isinstance(body, dict) or "code" not in body:
            message = GatewayMessage(body["message"]) if isinstance(body, dict) and "message" in body else None
            raise ApiError(outcome.status_code, message)
    return outcome
