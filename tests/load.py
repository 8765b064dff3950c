#!/usr/bin/env python3
"""The service under load with failures: faults between functions and table, killed functions, restarts after SIGKILL.

    python3 tests/load.py [--seconds N] [--faults PERCENT] [--seed N] [--out FILE]

It starts `make run` with its own state directory and FAULTS on. Callers of three accounts create, resend, revoke, accept, decline,
describe and list, and retry with the same Idempotency-Key when they get no response. Meanwhile functions are killed, and at the end
the whole service, by SIGKILL. It is started again on the same directory, without faults, and its state must match the responses that
the callers received: nothing lost, nothing done twice. With 120 s or more the service is also killed and started in the middle,
and the run ends only when every email and event is sent, which takes minutes if the function that claimed one was killed.

It prints a table, writes it as JSON to the file --out, and exits with 1 if a check fails.
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
from caller import Caller
from load_callers import PATIENCE, Inbox, Records, Worker
from service import Failed, Service, process_table

LONG = 120  # seconds from which a run counts as a full one
WORKERS_OF_AN_ACCOUNT = 2
THIRD_ACCOUNT = "112233445566"
# The functions by process name, which the system cuts to 15 characters, and the requests that each serves.
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
        self.records, self.inbox, self.done = Records(), Inbox(service.inbox_port), threading.Event()
        self.callers: dict[str, Caller] = {}
        self.workers: list[Worker] = []
        self.kills: list[tuple[float, list[str]]] = []
        self.restarts: list[tuple[float, float]] = []  # of the whole service: time of the kill, and time when it was ready again
        self.injected: Counter = Counter()

    def start(self) -> None:
        self.service.start(FAULTS=str(self.faults))
        dev = json.loads(self.service.dev_json.read_text())
        anonymous = Caller(self.service.port, None)
        created = anonymous.call(
            "POST",
            "/2015-03-31/functions/manage-api-keys/invocations",
            {
                "action": "create",
                "account": THIRD_ACCOUNT,
                "role": "full-access",
                "name": "Load",
            },
        )
        keys = {
            "012345678912": dev["keys"]["full-access"],
            "210987654321": dev["keys"]["other-account"],
            THIRD_ACCOUNT: created.json["key"],
        }
        for account, key in keys.items():
            self.callers[account] = Caller(self.service.port, key)
            for _ in range(WORKERS_OF_AN_ACCOUNT):
                number = len(self.workers)
                self.workers.append(Worker(number, self.service.port, account, key, self.records, self.inbox, self.done, self.seed))
        for worker in self.workers:
            worker.start()

    def load(self, seconds: float, kill_every: float) -> None:
        """Lets the callers run, and kills a function at intervals."""
        end, next_kill = time.monotonic() + seconds, time.monotonic() + kill_every
        while time.monotonic() < end:
            time.sleep(0.5)
            self.inbox.fetch(self.records)
            if time.monotonic() >= next_kill:
                self.kill_function()
                next_kill = time.monotonic() + kill_every

    def kill_function(self) -> None:
        """Kills all processes of one function at once, which is worse than the loss of one sandbox."""
        name = self.random.choice(list(FUNCTIONS))
        now = time.monotonic()
        if self.signal((name,), signal.SIGKILL):
            self.kills.append((now, FUNCTIONS[name]))

    def signal(self, names: tuple[str, ...], number: int) -> int:
        """Sends a signal to the processes with these names, and returns their number."""
        return sum(send(pid, number) for pid, comm in self.service.processes().items() if comm in names)

    def kill_all(self, faults: int) -> None:
        """Kills the whole service under load, and starts it again. The inbox loses its emails with it, so the couriers are paused
        first and the emails fetched. Work that a courier has claimed or not yet recorded stays undone."""
        self.signal(COURIERS, signal.SIGSTOP)
        time.sleep(0.5)
        self.inbox.fetch(self.records)
        self.count_faults()
        family = self.service.processes()
        died = time.monotonic()
        # Parents first, because they restart their children.
        for pid in sorted(family, key=lambda pid: family[pid] not in ("make", "run", "cargo-lambda", "sh")):
            send(pid, signal.SIGKILL)
        self.service.ended()
        while left := [pid for pid, (_, comm) in process_table().items() if family.get(pid) == comm]:
            if time.monotonic() > died + 20:
                raise Failed(f"These processes are left after SIGKILL: {left}")
            time.sleep(0.05)
        self.inbox.restarted()
        self.service.start(FAULTS=str(faults))
        self.restarts.append((died, time.monotonic()))

    def count_faults(self) -> None:
        if line := self.service.line("Faults: "):
            with urlopen(line.rsplit(" ", 1)[1], timeout=10) as reply:
                counts = json.load(reply)
            self.injected.update(counts["injected"] | {"requests": counts["requests"]})

    def finish(self) -> None:
        self.done.set()
        for worker in self.workers:
            worker.join(300)
            if worker.is_alive():
                self.records.wrong(f"caller {worker.number} did not end")


def send(pid: int, number: int) -> bool:
    """Whether the process still existed."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True


def percentile(values: list[float], share: float) -> int:
    """In milliseconds."""
    ordered = sorted(values)
    return math.ceil(1000 * ordered[max(0, math.ceil(share * len(ordered)) - 1)]) if ordered else 0


def section(run: Run, seconds: int, left: dict[str, str], emails: tuple[int, int], events: int) -> dict:
    records, figures = run.records, []

    def figure(what: str, value: int, bound: object = "any") -> None:
        figures.append({"what": what, "value": int(value), "bound": bound})

    requests = sum(records.statuses.values())
    figure("requests", requests, {"at-least": 100})
    for status, count in sorted(records.statuses.items(), key=lambda one: one[0] or 0):
        figure(f"responses with {status}" if status else f"no response within {PATIENCE} s, or connection refused", count)
    figure(
        "5xx other than 503",
        sum(count for status, count in records.statuses.items() if status and status >= 500 and status != 503),
        {"exactly": 0},
    )
    down = [failure for failure in records.failures if any(died - PATIENCE <= failure <= ready for died, ready in run.restarts)]
    figure(
        "503s and missing responses per 10,000 requests, outside restarts of the whole service",
        math.ceil(10_000 * (len(records.failures) - len(down)) / max(1, requests - len(down))),
    )
    figure("503s and missing responses around restarts of the whole service", len(down))
    figure("retries", records.retries)
    for kind, values in sorted(records.latencies.items()):
        for name, share in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99), ("max", 1)):
            figure(f"{kind}, {name} of {len(values)} successes, ms", percentile(values, share))
    figure("requests of functions to the table while faults were on", run.injected.pop("requests", 0), {"at-least": 100})
    for name, count in sorted(run.injected.items()):
        figure(f"faults injected: {name}", count)
    figure("faults injected", sum(run.injected.values()), {"at-least": 10})

    times, none = load_checks.recoveries(run.kills, records.asked, records.successes)
    figure("functions killed, with all their processes", len(run.kills), {"at-least": 1})
    figure("killed function: from the next request to the first success, p50, ms", percentile(times, 0.5))
    figure("killed function: from the next request to the first success, max, ms", percentile(times, 1), {"at-most": 30_000})
    figure("kills without a later request to that function", none)
    whole = [
        min((end for all_of in records.successes.values() for began, end in all_of if began > died), default=math.inf) - died
        for died, _ in run.restarts
    ]
    if math.inf in whole:
        records.wrong("no request succeeded after the whole service was restarted")
    figure("kills of the whole service", len(run.restarts), {"at-least": 1})
    figure(
        "kill of the whole service to the first success, including the start of `make run`, max, ms",
        percentile([one for one in whole if one < math.inf], 1),
    )

    figure("invitations created", len(records.invitations), {"at-least": 20})
    figure("creates replayed with their Idempotency-Key", records.replays)
    figure("creates rejected because the address had an open invitation", len(records.taken))
    for state in ("invited", "accepted", "declined", "revoked"):
        figure(f"invitations {state} at the end", sum(one.state == state for one in records.invitations.values()))
    figure("sendings requested", sum(one.sends for one in records.invitations.values()))
    figure("sendings emailed", emails[0], {"at-least": 10})
    figure(f"second copies of an email, at least {load_checks.AGAIN} s later, because the reply of SES was lost", emails[1])
    figure("events", events, {"at-least": 20})
    waits = "invitations with an email or event that is due but not sent at the end"
    figure(waits, len(left), {"exactly": 0} if seconds >= LONG else "any")
    figure("effects lost, duplicated or different from the response", len(records.violations), {"exactly": 0})
    how = (
        f"`make run` with {run.faults} % faults between the functions and the table, and {len(run.workers)} callers of "
        f"{len(run.callers)} accounts for {seconds} s, over HTTP; seed {run.seed}. Callers retry with the same `Idempotency-Key` after "
        "a 503 or no response. Functions, and the whole service with its engine, are killed by SIGKILL during requests; the service "
        "continues with the data on disk. At the end, without faults, all responses are compared with the lists, with every email and "
        "with every event. Unoptimised build; latencies are those of this machine, including `cargo lambda watch` and the embedded "
        "engine."
    )
    return {"title": "Load and recovery", "how": how, "figures": figures, "violations": records.violations[:50]}


def holds(figure: dict) -> bool:
    if figure["bound"] == "any":
        return True
    ((kind, bound),) = figure["bound"].items()
    return {"at-least": figure["value"] >= bound, "at-most": figure["value"] <= bound, "exactly": figure["value"] == bound}[kind]


def load(directory: Path, seconds: int, faults: int, seed: int) -> dict:
    variables = {
        "CONCURRENCY": "2",
        "RECONCILE_SECONDS": "2",
        "RESEND_COOLDOWN_SECONDS": "0",
        "MAX_SENDS": str(load_checks.MAX_SENDS),
        "SEND_QUOTA": "1000000",
        "AWS_LAMBDA_LOG_LEVEL": "WARN",
    }
    with Service(directory / "state", **variables) as service:
        run = Run(service, seed, faults)
        print(f"- make run on port {service.port}, seed {seed}, {faults} % faults", flush=True)
        run.start()
        parts = [seconds / 2, seconds / 2] if seconds >= LONG else [seconds]
        for number, part in enumerate(parts, 1):
            print(f"- {part:.0f} s of load with killed functions", flush=True)
            run.load(part, 4)
            last = number == len(parts)
            print(f"- service killed and restarted, {'without' if last else 'with'} faults", flush=True)
            run.kill_all(0 if last else faults)
        run.load(3, 60)
        run.finish()
        print("- remaining deliveries, and comparison", flush=True)
        left = load_checks.wait_for_deliveries(run.records, run.inbox, load_checks.DUE if seconds >= LONG else 10)
        left = load_checks.check_due(run.records, run.inbox, left, service.dynamodb_port)
        load_checks.check_lists(run.records, run.callers)
        emails, events = load_checks.check_emails(run.records, run.inbox), load_checks.check_events(run.records, run.inbox, left)
        report = section(run, seconds, left, emails, events)
        if report["violations"]:
            print(f"Last output of the service:\n{service.output()}", file=sys.stderr)
        return report


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--faults", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    try:
        with tempfile.TemporaryDirectory() as directory:
            report = load(Path(directory), options.seconds, options.faults, options.seed)
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
