#!/usr/bin/env python3
"""Proves `make run` from outside: real processes, real HTTP, a restart, and every way to end.

    python3 tests/end_to_end.py

It takes free ports and a state folder of its own, so it can run beside a service. It ends at the first thing that is not as
the contract says, with a sentence and exit status 1.
"""

import http.client
import json
import os
import re
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from service import Failed, Service, process_table

COOLDOWN = 3
FIELDS = ["id", "email", "roleID", "state", "created", "lastModified", "expiry", "lastSent", "urn"]
KEY = r"ik_live_[0-9]{12}_[0-9A-Za-z]{12}_[0-9A-Za-z]{43}_[0-9A-Za-z]{6}"


def check(condition: object, sentence: str, *evidence: object) -> None:
    if not condition:
        raise Failed("\n    ".join([sentence, *map(str, evidence)]))


def lasting(invitation: dict) -> dict:
    """The invitation without what becomes of its mail, which can come to show on it at any time."""
    return {name: value for name, value in invitation.items() if name != "delivery"}


def step(text: str) -> None:
    print(f"- {text}", flush=True)


class Answer(NamedTuple):
    status: int
    headers: http.client.HTTPMessage
    text: str

    @property
    def json(self) -> dict:
        return json.loads(self.text)

    def __str__(self) -> str:
        return f"{self.status} {dict(self.headers)} {self.text}"


class Caller:
    """One API key."""

    def __init__(self, port: int, key: str | None):
        self.port, self.key = port, key

    def call(self, method: str, path: str, body: object = None, **headers: str) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=40)
        try:
            if self.key:
                headers["Authorization"] = f"ApiKey {self.key}"
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read().decode())
        finally:
            connection.close()

    def create(self, email: str, role: str = "read-only") -> dict:
        answer = self.call("POST", "/invitations", {"email": email, "roleID": role})
        check(answer.status == 201, f"Creating {email} must be a 201.", answer)
        return answer.json

    def pages(self, limit: int) -> list[list[dict]]:
        """Walks the whole list."""
        pages, path = [], f"/invitations?limit={limit}"
        while len(pages) < 100:
            answer = self.call("GET", path)
            check(answer.status == 200, f"GET {path} must be a 200.", answer)
            pages.append(answer.json["invitations"])
            if "next" not in answer.json:
                return pages
            path = f"/invitations?limit={limit}&cursor={answer.json['next']}"
        raise Failed("The walk through the list does not end.")

    def everything(self) -> list[dict]:
        return [invitation for page in self.pages(100) for invitation in page]

    def lasting(self) -> list[dict]:
        return list(map(lasting, self.everything()))


def refused(answer: Answer, status: int, code: str) -> dict:
    check(answer.status == status, f"This must be a {status}.", answer)
    body = answer.json
    check(body["code"] == code and body["message"] and body["requestId"], f"The error must be {code}.", answer)
    check(answer.headers["Content-Type"] == "application/json", "An error is JSON.", answer)
    check(answer.headers["X-Request-Id"] and answer.headers["Cache-Control"] == "no-store", "Headers are missing.", answer)
    return body


def one_invitation(caller: Caller) -> None:
    step("create, list, describe, resend, revoke")
    created = caller.call("POST", "/invitations", {"email": "user.one@example.com", "roleID": "full-access"})
    check(created.status == 201, "A create must be a 201.", created)
    invitation = created.json
    check(list(invitation)[:9] == FIELDS, "The resource begins with nine fields in this order.", created)
    check(invitation["state"] == "invited" and invitation["email"] == "user.one@example.com", "It is invited.", created)
    path = f"/invitations/{invitation['id']}"
    check(created.headers["Location"] == path, "Location names the invitation.", created)
    check(created.headers["Cache-Control"] == "no-store" and created.headers["X-Request-Id"], "Headers are missing.", created)

    listed = caller.call("GET", "/invitations")
    check(listed.status == 200 and list(map(lasting, listed.json["invitations"])) == [invitation], "The list holds just this one.", listed)
    described = caller.call("GET", path.lower())
    check(described.status == 200 and lasting(described.json) == invitation, "Describe shows what create returned.", described, created)

    early = caller.call("POST", path)
    refused(early, 429, "resend-cooldown")
    wait = early.headers["Retry-After"]
    check(wait.isdigit() and 1 <= int(wait) <= COOLDOWN, f"Retry-After is 1 to {COOLDOWN}, the configured cooldown.", early)
    time.sleep(int(wait))
    resent = caller.call("POST", path)
    check(resent.status == 200, f"Waiting for the {wait} s of Retry-After must suffice.", resent)
    check(resent.json["lastSent"] > invitation["lastSent"], "A resend is a sending.", resent)
    check(resent.json["expiry"] > invitation["expiry"], "A resend starts the lifetime anew.", resent)

    revoked = caller.call("POST", path, {"state": "revoked"})
    check(revoked.status == 200 and revoked.json["state"] == "revoked", "A revoke must be a 200.", revoked)
    again = caller.call("POST", path, {"state": "revoked"})
    check(lasting(again.json) == lasting(revoked.json), "A second revoke changes nothing.", again, revoked)
    refused(caller.call("POST", path), 400, "already-revoked")
    check(lasting(caller.call("GET", path).json) == lasting(revoked.json), "Describe shows the revoked invitation.")


def walk(caller: Caller) -> None:
    step("30 invitations walk out of ?limit=7 in five pages, newest first")
    ids = [caller.create(f"guest.{number}@example.com")["id"] for number in range(30)]
    pages = caller.pages(7)
    sizes = [len(page) for page in pages]
    check(sizes == [7, 7, 7, 7, 2], "The pages must hold 7, 7, 7, 7 and 2.", sizes)
    check([i["id"] for page in pages for i in page] == ids[::-1], "The walk is the creations in reverse.", pages)


def borders(one: Caller, reader: Caller, other: Caller, nobody: Caller) -> None:
    step("another account sees nothing, read-only changes nothing, nobody gets nothing")
    theirs = other.everything()[0]
    path = f"/invitations/{theirs['id']}"
    check(theirs["id"] not in [i["id"] for i in one.everything()], "One account's list shows another's invitation.", theirs)
    refused(one.call("GET", path), 404, "not-found")
    refused(one.call("POST", path, {"state": "revoked"}), 404, "not-found")
    check(lasting(other.call("GET", path).json) == lasting(theirs), "An attempt from another account changed the invitation.")

    before = reader.lasting()
    check(before == one.lasting(), "read-only sees what its account has.")
    refused(reader.call("POST", "/invitations", {"email": "x@example.com", "roleID": "read-only"}), 403, "forbidden")
    refused(reader.call("POST", f"/invitations/{before[0]['id']}", {"state": "revoked"}), 403, "forbidden")
    check(reader.lasting() == before, "read-only changed something.")

    for caller in (nobody, Caller(nobody.port, "ik_live_" + "0" * 12)):
        answer = caller.call("GET", "/invitations")
        refused(answer, 401, "unauthorized")
        check(answer.headers["WWW-Authenticate"], "A 401 says how to authenticate.", answer)


def at_once(caller: Caller, callers: int) -> None:
    step(f"{callers} creates at once for one address: one 201, and {callers - 1} are told its id")
    body = {"email": f"race.{callers}@example.com", "roleID": "read-only"}
    with ThreadPoolExecutor(callers) as pool:
        answers = list(pool.map(lambda _: caller.call("POST", "/invitations", body), range(callers)))
    statuses = Counter(answer.status for answer in answers)
    check(statuses == {201: 1, 400: callers - 1}, "Just one may be a 201, and the others a 400.", dict(statuses))
    winner = next(answer.json["id"] for answer in answers if answer.status == 201)
    for answer in answers:
        if answer.status == 400:
            check(winner in refused(answer, 400, "already-invited")["message"], f"The message must name {winner}.", answer)


def with_one_key(caller: Caller, callers: int) -> None:
    step(f"{callers} creates at once with one Idempotency-Key: {callers} times the same 201, and one invitation")
    body = {"email": f"key.{callers}@example.com", "roleID": "read-only"}
    with ThreadPoolExecutor(callers) as pool:
        answers = list(pool.map(lambda _: caller.call("POST", "/invitations", body, **{"Idempotency-Key": "one"}), range(callers)))
    check(Counter(answer.status for answer in answers) == {201: callers}, "All must be a 201.")
    check(len({answer.text for answer in answers}) == 1, "All must be told the same.", {answer.text for answer in answers})
    replayed = sum(answer.headers["Idempotent-Replayed"] == "true" for answer in answers)
    check(replayed == callers - 1, f"{callers - 1} must be marked as replayed, not {replayed}.")
    of_address = caller.call("GET", f"/invitations?email={body['email']}").json["invitations"]
    check(len(of_address) == 1, "There must be one invitation.", of_address)


def at_the_gate(caller: Caller) -> None:
    step("repeated headers arrive as one; only this machine invokes functions without a route")
    body = b'{"email": "gate@example.com", "roleID": "read-only"}'
    connection = http.client.HTTPConnection("127.0.0.1", caller.port, timeout=40)
    connection.putrequest("POST", "/invitations")
    for name, value in (
        ("Authorization", f"ApiKey {caller.key}"),
        ("Idempotency-Key", "a"),
        ("Idempotency-Key", "b"),
        ("Content-Length", str(len(body))),
    ):
        connection.putheader(name, value)
    connection.endheaders(body)
    response = connection.getresponse()
    text = response.read()
    check(response.status == 400 and b"invalid-idempotency-key" in text, "Two keys must be a 400.", text)
    connection.close()
    path = "/2015-03-31/functions/manage-api-keys/invocations"
    event = {"action": "list", "account": "012345678912"}
    check(caller.call("POST", path, event).json["keys"], "The keys can be listed.")
    answer = caller.call("POST", path, event, Host="evil.example")
    check(answer.status == 403, "Another host's page must not manage keys.", answer)


def until(find: Callable[[], object], sentence: str) -> object:
    """What comes to be found, or a failure."""
    end = time.monotonic() + 30
    while not (found := find()):
        check(time.monotonic() < end, sentence)
        time.sleep(0.2)
    return found


def delivered(caller: Caller, inbox: Caller) -> None:
    step("an invitation's mail arrives, its link accepts, and events tell of it; a mail that bounces shows")
    created, bouncing = caller.create("ann@example.com"), caller.create("bounce@example.com")

    def email_to(address: str) -> dict | None:
        return next((email for email in inbox.call("GET", "/mails.json").json if email["to"] == [address]), None)

    def delivery(invitation: dict) -> str | None:
        return caller.call("GET", f"/invitations/{invitation['id']}").json.get("delivery", {}).get("state")

    def event_types(invitation: dict) -> set[str]:
        events = inbox.call("GET", "/events.json").json
        return {event["detail-type"] for event in events if event["detail"]["invitation"]["id"] == invitation["id"]}

    mail = until(lambda: email_to("ann@example.com"), "The email must arrive.")
    link = re.search(r"http://127\.0\.0\.1:\d+/accept#(\S+)", mail["text"])
    check(link and link[0].replace("&", "&amp;") in mail["html"], "Both parts must hold the link.", mail)
    check(
        mail["tags"] == {"account": "012345678912", "invitation": created["id"], "sending": "1"}, "The tags name the sending.", mail["tags"]
    )
    invitee = Caller(caller.port, None)
    check(invitee.call("GET", "/accept").status == 200, "The page behind the link must be there.")
    head = invitee.call("HEAD", "/accept")
    check((head.status, head.text) == (200, ""), "A HEAD must be answered, too.", head)
    accepted = invitee.call("POST", "/invitations/accept", {"token": link[1]})
    check(accepted.status == 200 and accepted.json["state"] == "accepted", "The link must accept.", accepted)

    until(lambda: delivery(created) == "delivered", "The delivery must show.")
    until(lambda: delivery(bouncing) == "bounced", "The bounce must show.")
    wanted = {"Invitation Created", "Invitation Accepted", "Invitation Delivered"}
    until(lambda: event_types(created) == wanted, "Events must tell of all of it, and of nothing else.")
    answer = inbox.call("GET", "/mails.json", Host="evil.example")
    check(answer.status == 403, "Another host's page must not read the inbox.", answer)


def pasted(service: Service, caller: Caller) -> None:
    step("the printed curl line works when pasted")
    line = service.line("curl ")
    run = subprocess.run(line, shell=True, capture_output=True, text=True, timeout=60)
    check(run.returncode == 0 and run.stdout, "The curl line fails.", line, run.stderr)
    shown, listed = json.loads(run.stdout), caller.call("GET", "/invitations").json
    check(
        list(map(lasting, shown["invitations"])) == list(map(lasting, listed["invitations"])),
        "The curl line shows something else.",
        run.stdout,
    )


def killed(service: Service, caller: Caller) -> None:
    step("a function whose processes are killed is started again")
    before = {pid for pid, name in service.processes().items() if name == "describe-invita"}
    check(before, "There must be processes of describe-invitation.", service.processes())
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    path = f"/invitations/{caller.everything()[0]['id']}"
    # The first may be handed to one of the dead.
    check(any(caller.call("GET", path).status == 200 for _ in range(3)), "It must answer again.", service.output())


def taken_port(service: Service, folder: Path) -> None:
    step("a taken port and a used state folder are one sentence each")
    for state, variables, sentence in (
        (folder, {"PORT": str(service.port)}, f"port {service.port} is taken"),
        (folder, {"DYNAMODB_PORT": str(service.dynamodb_port)}, f"port {service.dynamodb_port} is taken"),
        (folder, {"INBOX_PORT": str(service.inbox_port)}, f"port {service.inbox_port} is taken"),
        (service.state, {}, f"another `make run` uses {service.state}"),
    ):
        with Service(state) as second:
            second.launch(**variables)
            status = second.ended()
            output = second.output()
            said = [line for line in second.lines if "make run: " in line]
            check(status != 0, "It must exit with an error.", output)
            check(len(said) == 1 and sentence in said[0], f"It must say once: {sentence}.", output)
            check("panicked" not in output and "backtrace" not in output, "A panic is no sentence.", output)


def broken_page(folder: Path) -> None:
    step("a file that the page stumbles over is told, and nothing is served")
    texts = folder / "texts"
    texts.mkdir(parents=True)
    (texts / "logo.png").write_bytes(b"no picture")
    with Service(folder / "state") as second:
        second.launch(TEXTS_DIR=str(texts))
        status = second.ended(120)
        output = second.output()
        check(status != 0, "It must exit with an error.", output)
        check(second.line("make run: GET /accept answers 500; the log above says why"), "It must say what does not serve.", output)
        check(any("logo.png: is not a logo" in line for line in second.lines), "The log must name the file.", output)


def gone(service: Service, processes: dict[int, str], how: str) -> None:
    """Everything that was started has ended, and nothing listens any more."""
    left = {pid: name for pid, name in processes.items() if process_table().get(pid, (0, ""))[1] == name}
    check(not left, f"These are left after {how}.", left, service.output())
    for port in (service.port, service.dynamodb_port, service.inbox_port):
        try:
            http.client.HTTPConnection("127.0.0.1", port, timeout=5).connect()
        except OSError:
            continue
        raise Failed(f"Something still listens on port {port} after {how}.")


def keys(service: Service) -> dict[str, str]:
    check(stat.S_IMODE(os.stat(service.dev_json).st_mode) == 0o600, "dev.json must be readable by its owner alone.")
    dev = json.loads(service.dev_json.read_text())
    ports = {"url": service.port, "dynamodb": service.dynamodb_port, "inbox": service.inbox_port}
    expected = {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}
    check({name: dev[name] for name in expected} == expected, "dev.json must name the three addresses.", dev)
    accounts = {"full-access": "012345678912", "read-only": "012345678912", "other-account": "210987654321"}
    check(dev["keys"].keys() == accounts.keys(), "dev.json must hold the three keys.", dev)
    for name, account in accounts.items():
        key = dev["keys"][name]
        check(re.fullmatch(KEY, key) and key.startswith(f"ik_live_{account}_"), f"{name} is no key of {account}.", key)
    return dev["keys"]


def end_to_end(folder: Path) -> None:
    state = folder / "state"
    with Service(state, RESEND_COOLDOWN_SECONDS=str(COOLDOWN), CONCURRENCY="4") as service:
        step(f"make run on port {service.port}")
        began = time.monotonic()
        service.start()
        print(f"  ready after {time.monotonic() - began:.1f} s", flush=True)
        first_keys = keys(service)
        one, reader, other = (Caller(service.port, first_keys[name]) for name in ("full-access", "read-only", "other-account"))

        one_invitation(one)
        walk(other)
        borders(one, reader, other, Caller(service.port, None))
        at_once(one, 20)
        at_once(one, 200)
        with_one_key(one, 200)
        at_the_gate(one)
        delivered(one, Caller(service.inbox_port, None))
        pasted(service, one)
        killed(service, one)
        taken_port(service, folder / "second")
        broken_page(folder / "third")
        before = one.lasting(), other.lasting()

        step("Ctrl-C ends all of it")
        processes = service.processes()
        check(any(name.startswith("create-invitat") for name in processes.values()), "The functions are not its processes.", processes)
        service.stop(signal.SIGINT)
        gone(service, processes, "Ctrl-C")

        step("started again, the list is the same and the keys still work")
        service.start()
        check(keys(service) == first_keys, "The keys must be those of the first start.")
        check((one.lasting(), other.lasting()) == before, "The invitations must be those of before.")

        step("SIGTERM to make ends all of it")
        processes = service.processes()
        service.stop(signal.SIGTERM, only_make=True)
        gone(service, processes, "SIGTERM")

        step("when cargo-lambda dies, all of it ends, with a sentence")
        service.start()
        processes = service.processes()
        for pid, name in processes.items():
            if name == "cargo-lambda":
                os.kill(pid, signal.SIGKILL)
        check(service.ended() != 0, "It must exit with an error.", service.output())
        check(service.line("make run: `cargo lambda watch` ended"), "It must say what happened.", service.output())
        gone(service, processes, "cargo-lambda's death")


def main() -> int:
    try:
        with tempfile.TemporaryDirectory() as folder:
            end_to_end(Path(folder))
    except Failed as error:
        print(f"FAILED: {error}", file=sys.stderr)
        return 1
    print("End to end: all as it should be.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
