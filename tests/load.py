#!/usr/bin/env python3
"""The service under load while everything goes wrong: faults on the way to the table, functions killed, all of it killed.

    python3 tests/load.py [--seconds N] [--faults PERCENT] [--seed N] [--out FILE]

It starts `make run` with a state folder of its own and FAULTS on. Callers of three accounts create, resend, revoke, accept,
decline, describe and list, and ask again with the same Idempotency-Key when there is no answer. Meanwhile functions are killed,
and in the end the whole service, by SIGKILL. It is started again on the same folder, without faults, and what it has must be
what the callers were told: nothing lost, nothing done twice. From 120 s on it is killed and started in the middle, too, and
the end is waited for until every mail and every event is out, which takes minutes when whoever had claimed it was killed.

It prints a table, writes it as JSON to the file --out, and exits with 1 when something is not as it must be.
"""

import argparse
import json
import math
import os
import random
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from urllib.request import urlopen

import load_checks
from end_to_end import Caller
from load_callers import PATIENCE, Book, Post, Worker
from service import Failed, Service, process_table

LONG = 120  # seconds from which a run is one at length
WORKERS_OF_AN_ACCOUNT = 2
THIRD_ACCOUNT = "112233445566"
# The functions by their processes' names, of which the system keeps 15 characters, and the requests that each answers.
FUNCTIONS = {
    "create-invitati": ["create"],
    "list-invitation": ["list"],
    "describe-invita": ["describe"],
    "modify-invitati": ["resend", "revoke"],
    "lookup-invitati": ["lookup"],
    "accept-invitati": ["accept"],
    "decline-invitat": ["decline"],
    "deliver-invitat": [],
    "reconcile-deliv": [],
    "record-feedback": [],
}
COURIERS = ("deliver-invitat", "reconcile-deliv")


class Run:
    """One run of the service under load."""

    def __init__(self, service: Service, seed: int, faults: int):
        self.service, self.faults, self.random = service, faults, random.Random(seed)
        self.seed = seed
        self.book, self.post, self.done = Book(), Post(service.inbox_port), threading.Event()
        self.callers: dict[str, Caller] = {}
        self.workers: list[Worker] = []
        self.kills: list[tuple[float, list[str]]] = []
        self.deaths: list[tuple[float, float]] = []  # of the whole: when, and when it was ready again
        self.met: Counter = Counter()

    def begin(self) -> None:
        self.service.start(FAULTS=str(self.faults))
        dev = json.loads(self.service.dev_json.read_text())
        nobody = Caller(self.service.port, None)
        made = nobody.call(
            "POST",
            "/2015-03-31/functions/manage-api-keys/invocations",
            {
                "action": "create",
                "account": THIRD_ACCOUNT,
                "role": "full-access",
                "name": "Load",
            },
        )
        keys = {"012345678912": dev["keys"]["full-access"], "210987654321": dev["keys"]["other-account"], THIRD_ACCOUNT: made.json["key"]}
        for account, key in keys.items():
            self.callers[account] = Caller(self.service.port, key)
            for _ in range(WORKERS_OF_AN_ACCOUNT):
                number = len(self.workers)
                self.workers.append(Worker(number, self.service.port, account, key, self.book, self.post, self.done, self.seed))
        for worker in self.workers:
            worker.start()

    def load(self, seconds: float, kill_every: float) -> None:
        """Lets the callers call, and kills a function now and then."""
        end, next_kill = time.monotonic() + seconds, time.monotonic() + kill_every
        while time.monotonic() < end:
            time.sleep(0.5)
            self.post.fetch(self.book)
            if time.monotonic() >= next_kill:
                self.kill_function()
                next_kill = time.monotonic() + kill_every

    def kill_function(self) -> None:
        """All processes of one function at once: a sandbox that dies takes one request with it, this is worse."""
        name = self.random.choice(list(FUNCTIONS))
        now = time.monotonic()
        if self.signal((name,), signal.SIGKILL):
            self.kills.append((now, FUNCTIONS[name]))

    def signal(self, names: tuple[str, ...], number: int) -> int:
        """To how many processes of these names it was sent."""
        return sum(send(pid, number) for pid, comm in self.service.processes().items() if comm in names)

    def kill_all(self, faults: int) -> None:
        """The whole service, while callers call, and starts it again. Its inbox dies with it: so the couriers are stopped a moment
        before, and what they have sent is fetched. What they had claimed or not yet noted stays undone."""
        self.signal(COURIERS, signal.SIGSTOP)
        time.sleep(0.5)
        self.post.fetch(self.book)
        self.count_faults()
        family = self.service.processes()
        died = time.monotonic()
        # The parents first: one that is left restarts what it finds dead.
        for pid in sorted(family, key=lambda pid: family[pid] not in ("make", "run", "cargo-lambda", "sh")):
            send(pid, signal.SIGKILL)
        self.service.ended()
        while left := [pid for pid, (_, comm) in process_table().items() if family.get(pid) == comm]:
            if time.monotonic() > died + 20:
                raise Failed(f"These are left after SIGKILL: {left}")
            time.sleep(0.05)
        self.post.forget()
        self.service.start(FAULTS=str(faults))
        self.deaths.append((died, time.monotonic()))

    def count_faults(self) -> None:
        if line := self.service.line("Faults: "):
            with urlopen(line.rsplit(" ", 1)[1], timeout=10) as reply:
                counts = json.load(reply)
            self.met.update(counts["met"] | {"requests": counts["requests"]})

    def finish(self) -> None:
        self.done.set()
        for worker in self.workers:
            worker.join(300)
            if worker.is_alive():
                self.book.wrong(f"caller {worker.number} did not come to an end")


def send(pid: int, number: int) -> bool:
    """Whether there was still a process to send the signal to."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True


def percentile(values: list[float], share: float) -> int:
    """In milliseconds, of the sorted values the one below or at which this share of them lies."""
    ordered = sorted(values)
    return math.ceil(1000 * ordered[max(0, math.ceil(share * len(ordered)) - 1)]) if ordered else 0


def section(run: Run, seconds: int, left: dict[str, str], mails: tuple[int, int], events: int) -> dict:
    book, figures = run.book, []

    def figure(what: str, value: int, bound: object = "any") -> None:
        figures.append({"what": what, "value": int(value), "bound": bound})

    requests = sum(book.statuses.values())
    figure("requests", requests, {"at-least": 100})
    for status, count in sorted(book.statuses.items(), key=lambda one: one[0] or 0):
        figure(f"answered {status}" if status else f"without an answer within {PATIENCE} s, or refused", count)
    figure(
        "5xx other than 503",
        sum(count for status, count in book.statuses.items() if status and status >= 500 and status != 503),
        {"exactly": 0},
    )
    down = [failure for failure in book.failures if any(died - PATIENCE <= failure <= ready for died, ready in run.deaths)]
    figure(
        "of 10,000 requests while the whole service was not down, those with a 503 or no answer",
        math.ceil(10_000 * (len(book.failures) - len(down)) / max(1, requests - len(down))),
    )
    figure("requests with a 503 or no answer around the death of the whole service", len(down))
    figure("requests made again after that", book.again)
    for kind, values in sorted(book.latencies.items()):
        for name, share in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99), ("max", 1)):
            figure(f"{kind}, {name} of {len(values)} successes, ms", percentile(values, share))
    figure("requests of functions to the table while faults were on", run.met.pop("requests", 0), {"at-least": 100})
    for name, count in sorted(run.met.items()):
        figure(f"faults met: {name}", count)
    figure("faults met", sum(run.met.values()), {"at-least": 10})

    times, none = load_checks.recoveries(run.kills, book.asked, book.successes)
    figure("functions killed, all their processes at once", len(run.kills), {"at-least": 1})
    figure("killed function: its first request afterwards to the first success, p50, ms", percentile(times, 0.5))
    figure("killed function: its first request afterwards to the first success, max, ms", percentile(times, 1), {"at-most": 30_000})
    figure("kills after which nobody asked its route any more", none)
    whole = [
        min((end for all_of in book.successes.values() for began, end in all_of if began > died), default=math.inf) - died
        for died, _ in run.deaths
    ]
    if math.inf in whole:
        book.wrong("no request was answered after the whole service was killed and started")
    figure("kills of the whole service", len(run.deaths), {"at-least": 1})
    figure(
        "kill of the whole to the first success, its start by `make run` included, max, ms",
        percentile([one for one in whole if one < math.inf], 1),
    )

    figure("invitations that callers were told", len(book.invitations), {"at-least": 20})
    figure("creates replayed with their key", book.replays)
    figure("creates refused, because the address had an open invitation", len(book.taken))
    for state in ("invited", "accepted", "declined", "revoked"):
        figure(f"invitations {state} in the end", sum(one.state == state for one in book.invitations.values()))
    figure("sendings that callers were told", sum(one.sends for one in book.invitations.values()))
    figure("sendings mailed", mails[0], {"at-least": 10})
    figure(f"copies of a mail, sent again {load_checks.AGAIN} s later or more, because its reply was lost", mails[1])
    figure("events", events, {"at-least": 20})
    waits = "invitations with a mail or an event that is not out in the end, but due"
    figure(waits, len(left), {"exactly": 0} if seconds >= LONG else "any")
    figure("effects lost, doubled or other than told", len(book.violations), {"exactly": 0})
    how = (
        f"`make run` with {run.faults} % faults between the functions and the table, {len(run.workers)} callers of {len(run.callers)} accounts "
        f"for {seconds} s, over HTTP; seed {run.seed}. Callers ask again with the same `Idempotency-Key` when they get a 503 or nothing. Functions are killed "
        "by SIGKILL, and the whole service with its engine, while calls are under way; it goes on with what is on disk. In the end, without "
        "faults, all that callers were told is compared with the lists, with every mail and with every event. Unoptimised build; latencies "
        "are of this machine, `cargo lambda watch` and the embedded engine included."
    )
    return {"title": "Load and recovery", "how": how, "figures": figures, "violations": book.violations[:50]}


def holds(figure: dict) -> bool:
    if figure["bound"] == "any":
        return True
    ((kind, bound),) = figure["bound"].items()
    return {"at-least": figure["value"] >= bound, "at-most": figure["value"] <= bound, "exactly": figure["value"] == bound}[kind]


def load(folder: Path, seconds: int, faults: int, seed: int) -> dict:
    variables = {
        "CONCURRENCY": "2",
        "RECONCILE_SECONDS": "2",
        "RESEND_COOLDOWN_SECONDS": "0",
        "MAX_SENDS": str(load_checks.MAX_SENDS),
        "SEND_QUOTA": "1000000",
        "AWS_LAMBDA_LOG_LEVEL": "WARN",
    }
    with Service(folder / "state", **variables) as service:
        run = Run(service, seed, faults)
        print(f"- make run on port {service.port}, seed {seed}, {faults} % faults", flush=True)
        run.begin()
        parts = [seconds / 2, seconds / 2] if seconds >= LONG else [seconds]
        for number, part in enumerate(parts, 1):
            print(f"- {part:.0f} s of load, functions killed meanwhile", flush=True)
            run.load(part, 4)
            last = number == len(parts)
            print(f"- all killed and started again, {'without' if last else 'with'} faults", flush=True)
            run.kill_all(0 if last else faults)
        run.load(3, 60)
        run.finish()
        print("- what is left is done, and all of it compared", flush=True)
        left = load_checks.settle(run.book, run.post, load_checks.DUE if seconds >= LONG else 10)
        left = load_checks.check_due(run.book, run.post, left, service.dynamodb_port)
        load_checks.check_lists(run.book, run.callers)
        mails, events = load_checks.check_mails(run.book, run.post), load_checks.check_events(run.book, run.post, left)
        report = section(run, seconds, left, mails, events)
        if report["violations"]:
            print(f"What the service said last:\n{service.output()}", file=sys.stderr)
        return report


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--faults", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    try:
        with tempfile.TemporaryDirectory() as folder:
            report = load(Path(folder), options.seconds, options.faults, options.seed)
    except Failed as error:
        print(f"FAILED: {error}", file=sys.stderr)
        return 1
    for figure in report["figures"]:
        print(f"{figure['value']:>10}  {figure['what']}{'' if holds(figure) else '   <-- must be ' + str(figure['bound'])}")
    for violation in report["violations"]:
        print(f"FAILED: {violation}", file=sys.stderr)
    if options.out:
        options.out.write_text(json.dumps(report, indent=2) + "\n")
    return 0 if not report["violations"] and all(map(holds, report["figures"])) else 1


if __name__ == "__main__":
    sys.exit(main())
