"""Callers that put the service under load, and the book of what they were told. See load.py."""

import http.client
import json
import random
import re
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

from end_to_end import Answer

PATIENCE = 8  # seconds that a caller waits for an answer
PERSISTENCE = 240  # seconds for which it asks again; the service may be down for a while on a slow machine
MAX_SENDS = 20


@dataclass
class Invitation:
    """What its one owner was told of it."""

    account: str
    email: str
    id: str
    key: str
    text: str
    state: str = "invited"
    sends: int = 1


@dataclass
class Book:
    """What all callers were told. A list's append and a dict's item are atomic; what is more is done under the lock."""

    invitations: dict[str, Invitation] = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)
    statuses: Counter = field(default_factory=Counter)
    latencies: defaultdict = field(default_factory=lambda: defaultdict(list))  # of each kind, of successes, in seconds
    asked: defaultdict = field(default_factory=lambda: defaultdict(list))  # of each kind: when begun, whatever came of it
    successes: defaultdict = field(default_factory=lambda: defaultdict(list))  # of each kind: when begun, when answered
    failures: list[float] = field(default_factory=list)  # when a request was begun that got a 503 or nothing
    again: int = 0  # requests that were made again, after a 503 or nothing
    replays: int = 0
    taken: list[tuple[str, str, str]] = field(default_factory=list)  # account, address and the id that a 400 named as its holder
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


class Post:
    """All mails and events that were ever sent, fetched as they come: the inbox forgets them when the service dies."""

    def __init__(self, port: int):
        self.port = port
        self.mails: defaultdict = defaultdict(list)  # of (invitation, sending): when, and the token
        self.events: defaultdict = defaultdict(dict)  # of an invitation, by sequence
        self.fetched = Counter()
        self.newest = {"mails": "", "events": ""}
        self.lock = threading.Lock()

    def forget(self) -> None:
        self.newest = {"mails": "", "events": ""}

    def fetch(self, book: Book) -> None:
        with self.lock:
            for what, note in (("mails", self._mail), ("events", self._event)):
                connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
                try:
                    connection.request("GET", f"/{what}.json?after={self.newest[what]}")
                    newer = json.loads(connection.getresponse().read())
                finally:
                    connection.close()
                for one in reversed(newer):
                    note(one, book)
                    self.newest[what] = one["id"]
                    self.fetched[what] += 1

    def _mail(self, mail: dict, book: Book) -> None:
        link = re.search(r"/accept#(\S+)", mail["text"])
        if not link or mail["tags"].keys() != {"account", "invitation", "sending"}:
            return book.wrong("a mail without a link or a tag", mail)
        self.mails[mail["tags"]["invitation"], int(mail["tags"]["sending"])].append((mail["time"], link[1], mail["to"]))

    def _event(self, event: dict, book: Book) -> None:
        detail = event["detail"]
        known = self.events[detail["invitation"]["id"]].setdefault(detail["sequence"], detail)
        if known != detail:
            book.wrong("one event's id tells two things", known, detail)

    def token(self, invitation: Invitation) -> str | None:
        """Of its last sending, if that mail is here."""
        mails = self.mails.get((invitation.id, invitation.sends))
        return mails[0][1] if mails else None


class Worker(threading.Thread):
    """One caller. What it creates, it alone changes: so it knows what each answer must be."""

    def __init__(self, number: int, port: int, account: str, key: str, book: Book, post: Post, done: threading.Event, seed: int):
        super().__init__(daemon=True)
        self.number, self.port, self.account, self.key = number, port, account, key
        self.book, self.post, self.done = book, post, done
        self.random = random.Random(seed * 1000 + number)
        self.made = 0
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
            except Exception as error:  # whatever it is, it is not to end the load unseen
                self.book.wrong(f"caller {self.number} failed", repr(error))

    def once(self, kind: str, method: str, path: str, body: object, headers: dict[str, str]) -> Answer | None:
        began, status = time.monotonic(), None
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            response = connection.getresponse()
            answer = Answer(response.status, response.headers, response.read().decode())
            status = answer.status
            return answer
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()
            self.book.count(kind, began, status)

    def call(
        self, kind: str, expected: set[int], method: str, path: str, body: object = None, key: str | None = None, public: bool = False
    ) -> Answer | None:
        """As a good client does: the same again, with the same Idempotency-Key, until there is an answer other than a 503."""
        headers = {"Content-Type": "application/json"} | ({} if public else {"Authorization": f"ApiKey {self.key}"})
        headers |= {"Idempotency-Key": key} if key else {}
        end = time.monotonic() + PERSISTENCE
        while (answer := self.once(kind, method, path, body, headers)) is None or answer.status == 503:
            if time.monotonic() > end:
                return self.book.wrong(f"{kind} was never answered", method, path, body, answer)
            pause = answer.headers["Retry-After"] if answer else None
            time.sleep(min(float(pause or 0.3), 2))
            self.book.again += 1
        if answer.status not in expected:
            return self.book.wrong(f"{kind} must come to {sorted(expected)}", method, path, body, answer)
        return answer

    def fresh_key(self) -> str:
        return f"{self.random.getrandbits(96):x}"

    def pick(self, fits: Callable[[Invitation], bool]) -> Invitation | None:
        """Mostly one of the latest, and sometimes an old one."""
        among = self.own[-40:] if self.random.random() < 0.8 else self.own
        return next((one for one in self.random.sample(among, min(len(among), 12)) if fits(one)), None)

    def create(self) -> None:
        self.made += 1
        self._create(f"w{self.number}.{self.made}@{self.account}.example.com", {201})

    def create_shared(self) -> None:
        """For an address that the others of the account want, too."""
        self._create(f"shared.{self.random.randrange(6)}@{self.account}.example.com", {201, 400})

    def _create(self, email: str, expected: set[int]) -> None:
        key = self.fresh_key()
        answer = self.call("create", expected, "POST", "/invitations", {"email": email, "roleID": "read-only"}, key)
        if answer and answer.status == 201:
            told = answer.json
            if told["id"] in self.book.invitations:
                self.book.wrong("two creates were told one id", answer)
            invitation = Invitation(self.account, email, told["id"], key, answer.text)
            self.book.invitations[told["id"]] = invitation
            self.own.append(invitation)
        elif answer:
            holder = re.search(r"[0-9A-F]{32}", answer.json["message"])
            if answer.json["code"] != "already-invited" or not holder:
                return self.book.wrong("a create for a shared address was refused for another reason", answer)
            self.book.taken.append((self.account, email, holder[0]))

    def replay(self) -> None:
        """The same create with the same key must be told the same."""
        if one := self.pick(lambda _: True):
            body = {"email": one.email, "roleID": "read-only"}
            answer = self.call("create", {201}, "POST", "/invitations", body, one.key)
            if answer and (answer.text != one.text or answer.headers["Idempotent-Replayed"] != "true"):
                self.book.wrong("a replay was told something else", one, answer)
            self.book.replays += 1

    def describe(self) -> None:
        if one := self.pick(lambda _: True):
            answer = self.call("describe", {200}, "GET", f"/invitations/{one.id}")
            if answer and (answer.json["state"], answer.json["email"], answer.json["id"]) != (one.state, one.email, one.id):
                self.book.wrong("describe shows something else than was told", one, answer)

    def pages(self) -> None:
        """Three pages from the newest on: in order, nobody else's, and with the latest of one's own."""
        latest = self.own[-1] if self.own else None
        ids, path = [], "/invitations?limit=50"
        for _ in range(3):
            if not (answer := self.call("list", {200}, "GET", path)):
                return
            page = answer.json
            ids += [invitation["id"] for invitation in page["invitations"]]
            if foreign := [one for one in page["invitations"] if not one["email"].endswith(f"@{self.account}.example.com")]:
                self.book.wrong("a list shows another account's invitations", self.account, foreign)
            if "next" not in page:
                break
            path = f"/invitations?limit=50&cursor={page['next']}"
        if ids != sorted(set(ids), reverse=True):
            self.book.wrong("a list is not in order, or has something twice", ids)
        # Deeper than three pages it need not be looked for: the newest come first.
        if latest and latest.id not in ids and (len(ids) < 150 or latest.id > ids[-1]):
            self.book.wrong("a list lacks what was created before", latest)

    def modify(self, kind: str, one: Invitation, body: object, state: str) -> bool:
        answer = self.call(kind, {200}, "POST", f"/invitations/{one.id}", body, self.fresh_key())
        if answer and (answer.json["state"], answer.json["id"]) != (state, one.id):
            self.book.wrong(f"{kind} was told another state than {state}", one, answer)
        return answer is not None

    def resend(self) -> None:
        one = self.pick(lambda one: one.state == "invited" and one.sends < MAX_SENDS)
        if one and self.modify("resend", one, None, "invited"):
            one.sends += 1

    def revoke(self) -> None:
        one = self.pick(lambda one: one.state in ("invited", "revoked"))
        if one and self.modify("revoke", one, {"state": "revoked"}, "revoked"):
            one.state = "revoked"

    def lookup(self) -> None:
        self._answer("lookup", "invited", "invited")

    def accept(self) -> None:
        self._answer("accept", "invited", "accepted")

    def decline(self) -> None:
        self._answer("decline", "invited", "declined")

    def _answer(self, kind: str, before: str, after: str) -> None:
        """With the link out of the mail."""
        one = self.pick(lambda one: one.state == before and self.post.token(one) is not None)
        if one is None:
            return
        answer = self.call(kind, {200}, "POST", f"/invitations/{kind}", {"token": self.post.token(one)}, public=True)
        if answer and answer.json["state"] != after:
            self.book.wrong(f"{kind} was told another state than {after}", one, answer)
        if answer:
            one.state = after
