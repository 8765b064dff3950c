"""Callers that put the service under load, and records of their requests and responses. See load.py."""

import http.client
import json
import random
import re
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

from caller import Response

PATIENCE = 8  # seconds that a caller waits for a response
PERSISTENCE = 240  # seconds for which it retries; a restart of the service takes long on a slow machine
MAX_SENDS = 20


@dataclass
class Invitation:
    """An invitation, as its responses describe it. One worker owns it."""

    account: str
    email: str
    id: str
    key: str
    text: str
    state: str = "invited"
    sends: int = 1


@dataclass
class Records:
    """The requests and responses of all callers. Appending to a list and setting an item are atomic; the rest needs the lock."""

    invitations: dict[str, Invitation] = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)
    statuses: Counter = field(default_factory=Counter)
    latencies: defaultdict = field(default_factory=lambda: defaultdict(list))  # by kind: seconds of each success
    asked: defaultdict = field(default_factory=lambda: defaultdict(list))  # by kind: start of each request
    successes: defaultdict = field(default_factory=lambda: defaultdict(list))  # by kind: start and end of each success
    failures: list[float] = field(default_factory=list)  # starts of the requests that got a 503 or no response
    retries: int = 0
    replays: int = 0
    taken: list[tuple[str, str, str]] = field(default_factory=list)  # account, address, and the ID that the 400 named
    lock: threading.Lock = field(default_factory=threading.Lock)

    def wrong(self, sentence: str, *evidence: object) -> None:
        self.violations.append(" | ".join([sentence, *map(str, evidence)])[:1500])

    def count(self, kind: str, began: float, status: int | None) -> None:
        now = time.monotonic()
        with self.lock:
            self.statuses[status] += 1
            self.asked[kind].append(began)
            if status and 200 <= status < 300:
                self.latencies[kind].append(now - began)
                self.successes[kind].append((began, now))
            elif status is None or status >= 500:
                self.failures.append(began)


class Inbox:
    """All emails and events, fetched continuously, because a kill of the service deletes them."""

    def __init__(self, port: int):
        self.port = port
        self.emails: defaultdict = defaultdict(list)  # by (invitation, sending): time, token and recipients
        self.events: defaultdict = defaultdict(dict)  # by invitation and sequence number
        self.fetched = Counter()
        self.newest = {"emails": "", "events": ""}
        self.lock = threading.Lock()

    def restarted(self) -> None:
        """The service has a new, empty inbox."""
        self.newest = {"emails": "", "events": ""}

    def fetch(self, records: Records) -> None:
        with self.lock:
            for what, note in (("emails", self._email), ("events", self._event)):
                connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
                try:
                    connection.request("GET", f"/{what}.json?after={self.newest[what]}")
                    newer = json.loads(connection.getresponse().read())
                finally:
                    connection.close()
                for one in reversed(newer):
                    note(one, records)
                    self.newest[what] = one["id"]
                    self.fetched[what] += 1

    def _email(self, email: dict, records: Records) -> None:
        link = re.search(r"/accept#(\S+)", email["text"])
        if not link or email["tags"].keys() != {"account", "invitation", "sending"}:
            records.wrong("an email without a link or a tag", email)
            return
        self.emails[email["tags"]["invitation"], int(email["tags"]["sending"])].append((email["time"], link[1], email["to"]))

    def _event(self, event: dict, records: Records) -> None:
        detail = event["detail"]
        known = self.events[detail["invitation"]["id"]].setdefault(detail["sequence"], detail)
        if known != detail:
            records.wrong("two different events have one sequence number", known, detail)

    def token(self, invitation: Invitation) -> str | None:
        """The token of its last sending, if that email has arrived."""
        emails = self.emails.get((invitation.id, invitation.sends))
        return emails[0][1] if emails else None


class Worker(threading.Thread):
    """One caller. Only it changes the invitations that it creates, so it knows the expected responses."""

    def __init__(self, number: int, port: int, account: str, key: str, records: Records, inbox: Inbox, done: threading.Event, seed: int):
        super().__init__(daemon=True)
        self.number, self.port, self.account, self.key = number, port, account, key
        self.records, self.inbox, self.done = records, inbox, done
        self.random = random.Random(seed * 1000 + number)
        self.created = 0
        self.own: list[Invitation] = []

    def run(self) -> None:
        kinds: dict[Callable[[], None], int] = {
            self.create: 30,
            self.create_shared: 6,
            self.replay: 4,
            self.describe: 14,
            self.pages: 8,
            self.resend: 14,
            self.revoke: 8,
            self.lookup: 5,
            self.accept: 7,
            self.decline: 4,
        }
        while not self.done.is_set():
            try:
                self.random.choices(list(kinds), list(kinds.values()))[0]()
            except Exception as error:  # no error may end a caller silently
                self.records.wrong(f"caller {self.number} failed", repr(error))

    def once(self, kind: str, method: str, path: str, body: object, headers: dict[str, str]) -> Response | None:
        began, status = time.monotonic(), None
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            raw = connection.getresponse()
            response = Response(raw.status, raw.headers, raw.read().decode())
            status = response.status
            return response
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()
            self.records.count(kind, began, status)

    def call(
        self, kind: str, expected: set[int], method: str, path: str, body: object = None, key: str | None = None, public: bool = False
    ) -> Response | None:
        """Retries with the same Idempotency-Key after a 503 or no response."""
        headers = {"Content-Type": "application/json"} | ({} if public else {"Authorization": f"ApiKey {self.key}"})
        headers |= {"Idempotency-Key": key} if key else {}
        end = time.monotonic() + PERSISTENCE
        while (response := self.once(kind, method, path, body, headers)) is None or response.status == 503:
            if time.monotonic() > end:
                self.records.wrong(f"{kind} never succeeded", method, path, body, response)
                return None
            pause = response.headers["Retry-After"] if response else None
            time.sleep(min(float(pause or 0.3), 2))
            self.records.retries += 1
        if response.status not in expected:
            self.records.wrong(f"{kind} must return {sorted(expected)}", method, path, body, response)
            return None
        return response

    def fresh_key(self) -> str:
        return f"{self.random.getrandbits(96):x}"

    def pick(self, fits: Callable[[Invitation], bool]) -> Invitation | None:
        """Usually one of the latest, sometimes an old one."""
        among = self.own[-40:] if self.random.random() < 0.8 else self.own
        return next((one for one in self.random.sample(among, min(len(among), 12)) if fits(one)), None)

    def create(self) -> None:
        self.created += 1
        self._create(f"w{self.number}.{self.created}@{self.account}.example.com", {201})

    def create_shared(self) -> None:
        """For an address that other callers of the account use, too."""
        self._create(f"shared.{self.random.randrange(6)}@{self.account}.example.com", {201, 400})

    def _create(self, email: str, expected: set[int]) -> None:
        key = self.fresh_key()
        response = self.call("create", expected, "POST", "/invitations", {"email": email, "roleID": "read-only"}, key)
        if response and response.status == 201:
            created = response.json
            if created["id"] in self.records.invitations:
                self.records.wrong("two creates returned one ID", response)
            invitation = Invitation(self.account, email, created["id"], key, response.text)
            self.records.invitations[created["id"]] = invitation
            self.own.append(invitation)
        elif response:
            holder = re.search(r"[0-9A-F]{32}", response.json["message"])
            if response.json["code"] != "already-invited" or not holder:
                self.records.wrong("a create for a shared address was rejected for another reason", response)
                return
            self.records.taken.append((self.account, email, holder[0]))

    def replay(self) -> None:
        """The same create with the same key must get the same response."""
        if one := self.pick(lambda _: True):
            body = {"email": one.email, "roleID": "read-only"}
            response = self.call("create", {201}, "POST", "/invitations", body, one.key)
            if response and (response.text != one.text or response.headers["Idempotent-Replayed"] != "true"):
                self.records.wrong("a replay got another response", one, response)
            self.records.replays += 1

    def describe(self) -> None:
        if one := self.pick(lambda _: True):
            response = self.call("describe", {200}, "GET", f"/invitations/{one.id}")
            if response and (response.json["state"], response.json["email"], response.json["id"]) != (one.state, one.email, one.id):
                self.records.wrong("describe differs from the last response", one, response)

    def pages(self) -> None:
        """Reads the first three pages: in order, only this account's, and with the caller's latest invitation."""
        latest = self.own[-1] if self.own else None
        ids, path = [], "/invitations?limit=50"
        for _ in range(3):
            if not (response := self.call("list", {200}, "GET", path)):
                return
            page = response.json
            ids += [invitation["id"] for invitation in page["invitations"]]
            if foreign := [one for one in page["invitations"] if not one["email"].endswith(f"@{self.account}.example.com")]:
                self.records.wrong("a list shows another account's invitations", self.account, foreign)
            if "next" not in page:
                break
            path = f"/invitations?limit=50&cursor={page['next']}"
        if ids != sorted(set(ids), reverse=True):
            self.records.wrong("a list is out of order, or has duplicates", ids)
        # It may be beyond the three pages, because the newest come first.
        if latest and latest.id not in ids and (len(ids) < 150 or latest.id > ids[-1]):
            self.records.wrong("a list lacks an invitation that was created before", latest)

    def modify(self, kind: str, one: Invitation, body: object, state: str) -> bool:
        response = self.call(kind, {200}, "POST", f"/invitations/{one.id}", body, self.fresh_key())
        if response and (response.json["state"], response.json["id"]) != (state, one.id):
            self.records.wrong(f"{kind} returned another state than {state}", one, response)
        return response is not None

    def resend(self) -> None:
        one = self.pick(lambda one: one.state == "invited" and one.sends < MAX_SENDS)
        if one and self.modify("resend", one, None, "invited"):
            one.sends += 1

    def revoke(self) -> None:
        one = self.pick(lambda one: one.state in ("invited", "revoked"))
        if one and self.modify("revoke", one, {"state": "revoked"}, "revoked"):
            one.state = "revoked"

    def lookup(self) -> None:
        self._use_link("lookup", "invited", "invited")

    def accept(self) -> None:
        self._use_link("accept", "invited", "accepted")

    def decline(self) -> None:
        self._use_link("decline", "invited", "declined")

    def _use_link(self, kind: str, before: str, after: str) -> None:
        """Uses the link of the email."""
        one = self.pick(lambda one: one.state == before and self.inbox.token(one) is not None)
        if one is None:
            return
        response = self.call(kind, {200}, "POST", f"/invitations/{kind}", {"token": self.inbox.token(one)}, public=True)
        if response and response.json["state"] != after:
            self.records.wrong(f"{kind} returned another state than {after}", one, response)
        if response:
            one.state = after
