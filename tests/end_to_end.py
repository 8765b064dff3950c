#!/usr/bin/env python3
"""Tests `make run` from outside: real processes, real HTTP, a restart, and every way to end.

    python3 tests/end_to_end.py

It uses free ports and its own state directory, so it can run beside another service. It stops at the first failure, with a
sentence and exit status 1.
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
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from caller import Caller, Inbox, Response, check, lasting, rejected, step, until
from service import ROOT, Failed, Service, end_tree, free_port, listens, process_table
from sign_in_walk import Person, walk
from webhook_receiver import DocumentedReceiver

COOLDOWN = 3
FIELDS = ["id", "email", "roleID", "state", "created", "lastModified", "expiry", "lastSent", "urn"]
KEY = r"ik_live_[0-9]{12}_[0-9A-Za-z]{12}_[0-9A-Za-z]{43}_[0-9A-Za-z]{6}"


def one_invitation(caller: Caller) -> None:
    step("create, list, describe, resend, revoke")
    created = caller.call("POST", "/invitations", {"email": "user.one@example.com", "roleID": "full-access"})
    check(created.status == 201, "A create must be a 201.", created)
    invitation = created.json
    check(list(invitation)[:9] == FIELDS, "The invitation must begin with these nine fields in this order.", created)
    check(invitation["state"] == "invited" and invitation["email"] == "user.one@example.com", "It must be invited.", created)
    path = f"/invitations/{invitation['id']}"
    check(created.headers["Location"] == path, "Location must name the invitation.", created)
    check(created.headers["Cache-Control"] == "no-store" and created.headers["X-Request-Id"], "Headers are missing.", created)

    listed = caller.call("GET", "/invitations")
    check(
        listed.status == 200 and list(map(lasting, listed.json["invitations"])) == [invitation],
        "The list must hold exactly this one.",
        listed,
    )
    described = caller.call("GET", path.lower())
    check(described.status == 200 and lasting(described.json) == invitation, "Describe must show what create returned.", described, created)

    early = caller.call("POST", path)
    rejected(early, 429, "resend-cooldown")
    wait = early.headers["Retry-After"]
    check(wait.isdigit() and 1 <= int(wait) <= COOLDOWN, f"Retry-After must be 1 to {COOLDOWN}, the configured cooldown.", early)
    time.sleep(int(wait))
    resent = caller.call("POST", path)
    check(resent.status == 200, f"Waiting for Retry-After ({wait} s) must be sufficient.", resent)
    check(resent.json["lastSent"] > invitation["lastSent"], "A resend must set lastSent.", resent)
    check(resent.json["expiry"] > invitation["expiry"], "A resend must extend the expiry.", resent)

    revoked = caller.call("POST", path, {"state": "revoked"})
    check(revoked.status == 200 and revoked.json["state"] == "revoked", "A revoke must be a 200.", revoked)
    again = caller.call("POST", path, {"state": "revoked"})
    check(lasting(again.json) == lasting(revoked.json), "A second revoke must change nothing.", again, revoked)
    rejected(caller.call("POST", path), 400, "already-revoked")
    described = caller.call("GET", path)
    check(lasting(described.json) == lasting(revoked.json), "Describe must show the revoked invitation.", described)

    # A delivery report can change the tag at any time.
    known = caller.call("GET", path, **{"If-None-Match": "*"})
    check(known.status == 304 and known.text == "" and known.headers["ETag"], "With If-None-Match this must be a 304.", known)
    rejected(caller.call("POST", path, **{"If-Match": '"another"'}), 412, "changed")


def paging(caller: Caller) -> None:
    step("30 invitations are listed by ?limit=7 on five pages, newest first")
    ids = [caller.create(f"guest.{number}@example.com")["id"] for number in range(30)]
    pages = caller.pages(7)
    sizes = [len(page) for page in pages]
    check(sizes == [7, 7, 7, 7, 2], "The pages must hold 7, 7, 7, 7 and 2.", sizes)
    check([i["id"] for page in pages for i in page] == ids[::-1], "The list must be in reverse order of creation.", pages)


def isolation(one: Caller, reader: Caller, other: Caller, nobody: Caller) -> None:
    step("other accounts see nothing, read-only keys change nothing, and requests without a key get nothing")
    theirs = other.everything()[0]
    path = f"/invitations/{theirs['id']}"
    check(theirs["id"] not in [i["id"] for i in one.everything()], "One account's list shows another's invitation.", theirs)
    rejected(one.call("GET", path), 404, "not-found")
    rejected(one.call("POST", path, {"state": "revoked"}), 404, "not-found")
    check(lasting(other.call("GET", path).json) == lasting(theirs), "An attempt from another account changed the invitation.")

    before = reader.lasting()
    check(before == one.lasting(), "A read-only key must see the invitations of its account.")
    rejected(reader.call("POST", "/invitations", {"email": "x@example.com", "roleID": "read-only"}), 403, "forbidden")
    rejected(reader.call("POST", f"/invitations/{before[0]['id']}", {"state": "revoked"}), 403, "forbidden")
    check(reader.lasting() == before, "A read-only key changed something.")

    for caller in (nobody, Caller(nobody.port, "ik_live_" + "0" * 12)):
        response = caller.call("GET", "/invitations")
        rejected(response, 401, "unauthorized")
        check(response.headers["WWW-Authenticate"], "A 401 must say how to authenticate.", response)


def concurrent_creates(caller: Caller, callers: int) -> None:
    step(f"{callers} concurrent creates for one address: one 201, and {callers - 1} errors that name it")
    body = {"email": f"race.{callers}@example.com", "roleID": "read-only"}
    with ThreadPoolExecutor(callers) as pool:
        responses = list(pool.map(lambda _: caller.call("POST", "/invitations", body), range(callers)))
    statuses = Counter(response.status for response in responses)
    check(statuses == {201: 1, 400: callers - 1}, "Exactly one must be a 201, and the others a 400.", dict(statuses))
    winner = next(response.json["id"] for response in responses if response.status == 201)
    for response in responses:
        if response.status == 400:
            check(winner in rejected(response, 400, "already-invited")["message"], f"The message must name {winner}.", response)


def with_one_key(caller: Caller, callers: int) -> None:
    step(f"{callers} concurrent creates with one Idempotency-Key: {callers} equal 201s, and one invitation")
    body = {"email": f"key.{callers}@example.com", "roleID": "read-only"}
    with ThreadPoolExecutor(callers) as pool:
        responses = list(pool.map(lambda _: caller.call("POST", "/invitations", body, **{"Idempotency-Key": "one"}), range(callers)))
    check(Counter(response.status for response in responses) == {201: callers}, "All must be a 201.")
    check(len({response.text for response in responses}) == 1, "All bodies must be equal.", {response.text for response in responses})
    replayed = sum(response.headers["Idempotent-Replayed"] == "true" for response in responses)
    check(replayed == callers - 1, f"{callers - 1} must be marked as replayed, not {replayed}.")
    of_address = caller.call("GET", f"/invitations?email={body['email']}").json["invitations"]
    check(len(of_address) == 1, "There must be one invitation.", of_address)


def local_gateway(caller: Caller) -> None:
    step("repeated headers are joined; only this machine invokes functions without a route")
    body = b'{"email": "gateway@example.com", "roleID": "read-only"}'
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
    response = caller.call("POST", path, event, Host="evil.example")
    check(response.status == 403, "A page of another host must not manage keys.", response)
    response = caller.call("POST", path, event, Origin="https://evil.example")
    check(response.status == 403, "A page of another origin must not manage keys, even blindly.", response)
    for internal in ("/.rt/manage-api-keys/2018-06-01/runtime/init/error", "/lambda-url/manage-api-keys/"):
        response = caller.call("POST", internal, {})
        check(response.status == 404 and "x-request-id" not in response.headers, "The emulator's own paths must be closed.", response)


def read_row(service: Service, key: str, partition: str, **headers: str) -> str:
    """The error of a read of the table with this access key; empty if there is none."""
    connection = http.client.HTTPConnection("127.0.0.1", service.dynamodb_port, timeout=30)
    body = {"TableName": "invitations", "Key": {"pk": {"S": partition}, "sk": {"S": "nothing"}}}
    scope = f"{key}/20260101/us-east-1/dynamodb/aws4_request"
    headers |= {
        "X-Amz-Target": "DynamoDB_20120810.GetItem",
        "X-Amz-Date": "20260101T000000Z",
        "Content-Type": "application/x-amz-json-1.0",
        "Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0",
    }
    connection.request("POST", "/", json.dumps(body), headers)
    return json.loads(connection.getresponse().read()).get("__type", "").rpartition("#")[2]


def permissions(service: Service) -> None:
    step("each function has its own access key, and the permissions of its policies")
    for pid, name in service.processes().items():
        environment = Path(f"/proc/{pid}/environ")
        program = Path(f"/proc/{pid}/exe")
        if environment.exists() and "-" in name and program.resolve().name.startswith(name) and not name.startswith("cargo"):
            key = f"AWS_ACCESS_KEY_ID={program.resolve().name}".encode()
            check(key in environment.read_bytes().split(b"\0"), f"{name} must have its own access key.")
    for key, partition, expected in [
        ("describe-invitation", "A#012345678912", ""),
        ("local", "A#012345678912", ""),
        ("describe-invitation", "SETTINGS#012345678912", "AccessDeniedException"),
        ("AKIAIOSFODNN7EXAMPLE", "A#012345678912", "UnrecognizedClientException"),
    ]:
        found = read_row(service, key, partition)
        check(found == expected, f"{key} must get '{expected}' for {partition}, not '{found}'.")
    line = "IAM: describe-invitation is not authorized to perform dynamodb:GetItem on table/invitations, partition SETTINGS#."

    def refusals() -> int:
        return sum("IAM:" in each for each in service.lines)

    until(lambda: service.line(line) and refusals() >= 2, "The log must name both refused calls.")
    check(refusals() == 2, "No function may be refused anything.", service.output())
    refused = [read_row(service, "local", "A#012345678912", **{name: f"{name}.example"}) for name in ("Origin", "Host")]
    check(refused == ["AccessDeniedException"] * 2, "No page of a browser may reach the table.", refused)


def delivered(caller: Caller, inbox: Inbox, receiver: DocumentedReceiver) -> None:
    step("an invitation's email arrives, its link accepts, and events are published and sent to the webhook; a bounce shows")
    created, bouncing = caller.create("ann@example.com"), caller.create("bounce@example.com")

    def delivery(invitation: dict) -> str | None:
        return caller.call("GET", f"/invitations/{invitation['id']}").json.get("delivery", {}).get("state")

    email = until(lambda: inbox.email_of(created), "The email must arrive.")
    link = re.search(r"http://127\.0\.0\.1:\d+/accept#(\S+)", email["text"])
    check(link and link[0].replace("&", "&amp;") in email["html"], "Both parts must contain the link.", email)
    check(email["to"] == ["ann@example.com"], "It must be for the invited address.", email)
    check(
        email["tags"] == {"account": "012345678912", "invitation": created["id"], "sending": "1"},
        "The tags must name the invitation and the sending.",
        email["tags"],
    )
    invitee = Caller(caller.port, None)
    check(invitee.call("GET", "/accept").status == 200, "The link must open the page.")
    head = invitee.call("HEAD", "/accept")
    check((head.status, head.text) == (200, ""), "A HEAD must be like a GET, without a body.", head)
    accepted = invitee.call("POST", "/invitations/accept", {"token": link[1]})
    check(accepted.status == 200 and accepted.json["state"] == "accepted", "The link must accept.", accepted)

    until(lambda: delivery(created) == "delivered", "The delivery must show.")
    until(lambda: delivery(bouncing) == "bounced", "The bounce must show.")
    wanted = {"Invitation Created", "Invitation Accepted", "Invitation Delivered"}
    until(lambda: {event["detail-type"] for event in inbox.events_of(created)} == wanted, "These events must be published, and no others.")
    wanted = ["accepted", "created", "delivered"]
    until(lambda: sorted(receiver.types(created)) == wanted, "The webhook must receive each of them once.")
    response = inbox.call("GET", "/emails.json", Host="evil.example")
    check(response.status == 403, "A page of another host must not read the inbox.", response)


def pasted(service: Service, inbox: Inbox) -> None:
    step("the printed command sends an invitation from Example Ltd")
    line = service.line("curl ")
    run = subprocess.run(line, shell=True, capture_output=True, text=True, timeout=60)
    check(run.returncode == 0 and run.stdout, "The command fails.", line, run.stderr)
    created = json.loads(run.stdout)
    check((created.get("email"), created.get("state")) == ("new.colleague@example.com", "invited"), "It must invite.", run.stdout)
    subject = until(lambda: inbox.email_of(created), "The email must arrive.")["subject"]
    check("Example Ltd" in subject, "The email must come from the account's display name.", subject)


def with_token(service: Service, token: str) -> Response:
    return Caller(service.port, token=token).call("GET", "/invitations?limit=1")


def signed_in(service: Service) -> str:
    """Returns a token."""
    step("the printed command gets a token of the development issuer, which the functions accept")
    line = service.line(f"curl -s http://127.0.0.1:{service.issuer_port}/token")
    check(line, "It must be printed.", service.output())
    run = subprocess.run(line, shell=True, capture_output=True, text=True, timeout=60)
    check(run.returncode == 0 and json.loads(run.stdout)["token_type"] == "Bearer", "The command fails.", line, run.stdout, run.stderr)
    token = json.loads(run.stdout)["access_token"]
    listed = with_token(service, token)
    check(listed.status == 200 and listed.json["invitations"], "The token must be accepted.", listed)
    return token


def walked(service: Service) -> None:
    def token(person: Person) -> str:
        given = {name: value for name, value in person._asdict().items() if value is not None}
        response = Caller(service.issuer_port).call("POST", "/token", given, **{"Content-Type": "application/json"})
        check(response.status == 200, "The development issuer must issue a token.", response)
        return response.json["access_token"]

    walk(service, "dev", token)


def by_hand(service: Service, directory: Path) -> None:
    """The commands of docs/development.md."""
    step("functions run under `cargo lambda watch` with the environment file, and `cargo lambda invoke` invokes each kind")
    cargo_lambda = os.environ.get("CARGO_LAMBDA", str(ROOT / ".local/tools/cargo-lambda/bin/cargo-lambda"))
    address = ["--invoke-address", "127.0.0.1", "--invoke-port", str(free_port())]
    watch = [cargo_lambda, "lambda", "watch", "--ignore-changes", "--env-file", str(service.state / "functions.env"), *address]
    log = directory / "watch.log"

    def invoke(function: str, **replace: str) -> dict:
        event = (ROOT / "tests/events" / f"{function}.json").read_text()
        for placeholder, value in replace.items():
            check(placeholder in event, f"The event of {function} must contain {placeholder}.")
            event = event.replace(placeholder, value)
        (directory / "event.json").write_text(event)
        command = [cargo_lambda, "lambda", "invoke", *address, function, "--data-file", str(directory / "event.json")]
        run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
        check(run.returncode == 0, f"{function} must respond.", run.stderr, log.read_text()[-2000:])
        return json.loads(run.stdout)

    with log.open("w") as output, subprocess.Popen(watch, cwd=ROOT, stdout=output, stderr=output, start_new_session=True) as process:
        try:
            port = int(address[-1])
            until(lambda: listens(port), "cargo lambda watch must listen.")
            key = invoke("manage-api-keys")["key"]
            response = invoke("create-invitation", KEY=key)
            check(response["statusCode"] == 201, "The event must create an invitation.", response)
            created = json.loads(response["body"])["id"]
            unknown = "01A207381D2A72D1B1C72BF82EDCB8C8"
            response = invoke("deliver-invitations", **{unknown: created})
            check(response == {"batchItemFailures": []}, "The stream worker must accept the record.", response)
            response = invoke("reconcile-deliveries")
            check(response["failed"] == 0, "The reconciler must succeed.", response)
            response = invoke("refresh-issuers")
            check(response == {"changed": 0, "unchanged": 1}, "The keys must be those that the service has.", response)
            response = invoke("record-feedback", **{unknown: created})
            check(response == "recorded", "The report must be recorded.", response)
            described = Caller(service.port, key).call("GET", f"/invitations/{created}").json
            check(described["delivery"]["state"] == "bounced", "The invitation must show the bounce.", described)
            response = invoke("revoke-invitations")
            check(response == {"revoked": 1}, "The operator function must revoke it.", response)
        finally:
            end_tree(process.pid)


def killed(service: Service, caller: Caller) -> None:
    step("a function whose processes are killed is restarted")
    before = {pid for pid, name in service.processes().items() if name == "describe-invita"}
    check(before, "There must be processes of describe-invitation.", service.processes())
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    path = f"/invitations/{caller.everything()[0]['id']}"
    # The first request may go to a killed process.
    check(any(caller.call("GET", path).status == 200 for _ in range(3)), "It must respond again.", service.output())


def taken_port(service: Service, directory: Path) -> None:
    step("a taken port, a used state directory and an invalid webhook each give one sentence")
    for state, variables, sentence in (
        (directory, {"PORT": str(service.port)}, f"port {service.port} is taken"),
        (directory, {"DYNAMODB_PORT": str(service.dynamodb_port)}, f"port {service.dynamodb_port} is taken"),
        (directory, {"INBOX_PORT": str(service.inbox_port)}, f"port {service.inbox_port} is taken"),
        (directory, {"ISSUER_PORT": str(service.issuer_port)}, f"port {service.issuer_port} is taken"),
        (directory, {"WEBHOOK_URL": "http://example.com/hook"}, "WEBHOOK_URL is 'http://example.com/hook', but must be"),
        (service.state, {}, f"another `make run` uses {service.state}"),
    ):
        with Service(state) as second:
            second.launch(**variables)
            status = second.ended()
            output = second.output()
            said = [line for line in second.lines if "make run: " in line]
            check(status != 0, "It must exit with an error.", output)
            check(len(said) == 1 and sentence in said[0], f"It must say exactly once: {sentence}.", output)
            check("panicked" not in output and "backtrace" not in output, "It must not panic.", output)


def broken_page(directory: Path) -> None:
    step("an invalid logo stops the start, and the log names the file")
    texts = directory / "texts"
    texts.mkdir(parents=True)
    (texts / "logo.png").write_bytes(b"no picture")
    with Service(directory / "state") as second:
        second.launch(TEXTS_DIR=str(texts))
        status = second.ended(120)
        output = second.output()
        check(status != 0, "It must exit with an error.", output)
        sentence = "make run: GET /accept returns 500; the log above contains the reason"
        check(second.line(sentence), "It must name the route that fails.", output)
        check(any("logo.png: is not a valid logo" in line for line in second.lines), "The log must name the file.", output)


def gone(service: Service, processes: dict[int, str], how: str) -> None:
    """All processes have ended, and nothing listens on the ports."""
    left = {pid: name for pid, name in processes.items() if process_table().get(pid, (0, ""))[1] == name}
    check(not left, f"These are left after {how}.", left, service.output())
    for port in (service.port, service.dynamodb_port, service.inbox_port, service.issuer_port):
        check(not listens(port), f"Something still listens on port {port} after {how}.")


def keys(service: Service) -> dict[str, str]:
    check(stat.S_IMODE(os.stat(service.dev_json).st_mode) == 0o600, "Only its owner may read dev.json.")
    dev = json.loads(service.dev_json.read_text())
    ports = {"url": service.port, "dynamodb": service.dynamodb_port, "inbox": service.inbox_port, "issuer": service.issuer_port}
    expected = {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}
    check({name: dev[name] for name in expected} == expected, "dev.json must name the four addresses.", dev)
    accounts = {"full-access": "012345678912", "read-only": "012345678912", "other-account": "210987654321"}
    check(dev["keys"].keys() == accounts.keys(), "dev.json must contain the three keys.", dev)
    for name, account in accounts.items():
        key = dev["keys"][name]
        check(re.fullmatch(KEY, key) and key.startswith(f"ik_live_{account}_"), f"{name} is no key of {account}.", key)
    return dev["keys"]


def end_to_end(directory: Path) -> None:
    state = directory / "state"
    variables = {"RESEND_COOLDOWN_SECONDS": str(COOLDOWN), "CONCURRENCY": "4"}
    with (
        DocumentedReceiver(directory) as receiver,
        Service(state, WEBHOOK_URL=receiver.url, WEBHOOK_KEY=receiver.KEY, **variables) as service,
    ):
        step(f"make run on port {service.port}")
        began = time.monotonic()
        service.start()
        print(f"  ready after {time.monotonic() - began:.1f} s", flush=True)
        first_keys = keys(service)
        one, reader, other = (Caller(service.port, first_keys[name]) for name in ("full-access", "read-only", "other-account"))

        one_invitation(one)
        paging(other)
        isolation(one, reader, other, Caller(service.port, None))
        concurrent_creates(one, 20)
        concurrent_creates(one, 200)
        with_one_key(one, 200)
        local_gateway(one)
        delivered(one, Inbox(service.inbox_port), receiver)
        pasted(service, Inbox(service.inbox_port))
        token = signed_in(service)
        walked(service)
        permissions(service)
        by_hand(service, directory)
        killed(service, one)
        taken_port(service, directory / "second")
        broken_page(directory / "third")
        before = one.lasting(), other.lasting()

        step("Ctrl-C ends all processes")
        processes = service.processes()
        check(any(name.startswith("create-invitat") for name in processes.values()), "The functions must be its processes.", processes)
        service.stop(signal.SIGINT)
        gone(service, processes, "Ctrl-C")

        step("after a restart the list is the same, and the keys and tokens still work")
        service.start()
        check(keys(service) == first_keys, "The keys must be those of the first start.")
        check(with_token(service, token).status == 200, "The token must still be accepted.")
        check((one.lasting(), other.lasting()) == before, "The invitations must be those of before.")

        step("SIGTERM to make ends all processes")
        processes = service.processes()
        service.stop(signal.SIGTERM, only_make=True)
        gone(service, processes, "SIGTERM")

        step("when cargo-lambda dies, all processes end, with a sentence")
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
        with tempfile.TemporaryDirectory() as directory:
            end_to_end(Path(directory))
    except Failed as error:
        print(f"FAILED: {error}", file=sys.stderr)
        return 1
    print("End to end: passed.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
