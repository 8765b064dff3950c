"""When a request is repeated."""

import asyncio
import random
import time
from dataclasses import dataclass, field

import httpx

Outcome = httpx.Response | httpx.TransportError


class Clock:
    """Time and chance, which tests replace."""

    def now(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)

    async def sleep_async(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def random(self) -> float:
        return random.random()


@dataclass(frozen=True)
class Retry:
    """The bounds of repeating a request."""

    attempts: int = 5
    """Attempts in all."""
    seconds: float = 60
    """The last attempt begins at most this many seconds after the first."""
    cooldown: bool = False
    """Whether to wait for the end of a resend cooldown, too."""
    clock: Clock = field(default_factory=Clock)


class Attempts:
    """The attempts of one request.

    It is repeated after a 429 or a 503, and after a connection failure if a repetition cannot do anything twice. A wait beyond the
    bounds is left to the caller, who gets the last response or failure at once. So is a resend cooldown: the email was sent just now.
    """

    def __init__(self, request: httpx.Request, retry: Retry):
        self.repeatable = request.method == "GET" or "Idempotency-Key" in request.headers
        self.retry = retry
        self.end = retry.clock.now() + retry.seconds
        self.made = 0

    def wait(self, outcome: Outcome) -> float | None:
        """The seconds until the next attempt, or None if this outcome is the caller's."""
        self.made += 1
        if isinstance(outcome, httpx.Response):
            cooldown = outcome.status_code == 429 and code(outcome) == "resend-cooldown"
            again = outcome.status_code in (429, 503) and (self.retry.cooldown or not cooldown)
            seconds = retry_after(outcome)
        else:
            again = self.repeatable
            seconds = None
        clock = self.retry.clock
        if seconds is None:
            seconds = backoff(self.made, clock.random())
        return seconds if again and self.made < self.retry.attempts and clock.now() + seconds <= self.end else None


def code(response: httpx.Response) -> object:
    """The code of an error of the service. Errors of the gateway have none."""
    try:
        body = response.json()
    except ValueError:
        return None
    return body.get("code") if isinstance(body, dict) else None


def retry_after(response: httpx.Response) -> float | None:
    """The header. The service sends whole seconds."""
    value = response.headers.get("Retry-After", "")
    return float(value) if value.isascii() and value.isdigit() else None


def backoff(attempt: int, chance: float) -> float:
    """Half a second, doubled with every attempt, at most 8 seconds; at least half of it, so that callers spread."""
    return min(0.5 * 2.0 ** (attempt - 1), 8.0) * (0.5 + chance / 2)
