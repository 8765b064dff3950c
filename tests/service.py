#!/usr/bin/env python3
"""Starts the service with `make run`, for tests from outside.

    python3 tests/service.py [VARIABLE=value ...] -- command ...

runs the command against a new service on free ports, with the path of its dev.json in DEV_JSON. The data is deleted afterwards.
The exit status is the command's.
"""

import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FIRST_START = 30 * 60  # seconds; in a fresh clone it compiles everything
STOP = 20
ENDING = (signal.SIGTERM, signal.SIGHUP)


class Failed(Exception):
    """A failure, as a sentence."""


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def listens(port: int) -> bool:
    """Whether something on this machine accepts connections on the port."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except OSError:
        return False
    return True


def end_on_signals() -> None:
    """Makes SIGTERM and SIGHUP raise an exception, like Ctrl-C, so that `with` and `finally` end what was started."""

    def end(number: int, _: object) -> None:
        for ending in ENDING:
            signal.signal(ending, signal.SIG_IGN)  # a second one must not interrupt the end
        sys.exit(128 + number)

    for ending in ENDING:
        if signal.getsignal(ending) == signal.SIG_DFL:  # nohup ignores SIGHUP
            signal.signal(ending, end)


class Service:
    """A state directory and four ports, for starting and stopping `make run` repeatedly."""

    def __init__(self, state: Path, **variables: str):
        # `make run` is in a process group of its own, so that no signal to this process reaches it.
        end_on_signals()
        self.state = state
        self.port, self.dynamodb_port, self.inbox_port, self.issuer_port = (free_port() for _ in range(4))
        self.variables = variables
        self.lines: list[str] = []
        self.process: subprocess.Popen[str] | None = None
        self.reader: threading.Thread | None = None

    @property
    def dev_json(self) -> Path:
        return self.state / "dev.json"

    def launch(self, **variables: str) -> None:
        """Starts `make run` without waiting."""
        variables = {
            "STATE_DIR": str(self.state),
            "PORT": str(self.port),
            "DYNAMODB_PORT": str(self.dynamodb_port),
            "INBOX_PORT": str(self.inbox_port),
            "ISSUER_PORT": str(self.issuer_port),
            "RELOAD": "no",
            **self.variables,
            **variables,
        }
        # Flags of an outer `make test` must not reach this make.
        environment = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
        self.lines = []
        self.process = subprocess.Popen(
            ["make", "run", *(f"{name}={value}" for name, value in variables.items())],
            cwd=ROOT,
            env=environment,
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        self.reader = threading.Thread(target=self._read, args=(self.process, self.lines), daemon=True)
        self.reader.start()

    def _read(self, process: subprocess.Popen[str], lines: list[str]) -> None:
        for line in process.stdout:
            lines.append(line.rstrip("\n"))
            if re.match(r" *(Compiling|Installing|Building)", line):
                print(f"    {line.strip()}", flush=True)

    def start(self, **variables: str) -> None:
        """Starts `make run` and waits until it is ready."""
        self.launch(**variables)
        end = time.monotonic() + FIRST_START
        while not (self.line("Ready: ") and self.line("curl ")):
            if self.process.poll() is not None:
                raise Failed(f"`make run` ended before it was ready. Its output:\n{self.output()}")
            if time.monotonic() > end:
                raise Failed(f"`make run` was not ready after {FIRST_START} s. Its output:\n{self.output()}")
            time.sleep(0.05)

    def line(self, start: str) -> str | None:
        """The first line that contains `start`, from there on. Cargo writes lines in pieces, which may mix with others."""
        return next((line[line.index(start) :] for line in list(self.lines) if start in line), None)

    def output(self) -> str:
        return "\n".join(f"    {line}" for line in self.lines[-40:])

    def stop(self, number: int = signal.SIGINT, only_make: bool = False) -> None:
        """Stops it like Ctrl-C, by a signal to the whole process group, or by a signal to `make` alone."""
        if only_make:
            self.process.send_signal(number)
        else:
            os.killpg(self.process.pid, number)
        self.ended()

    def ended(self, patience: float = STOP) -> int:
        """Waits for the end of `make run` and its output, and returns the exit status."""
        try:
            status = self.process.wait(patience)
        except subprocess.TimeoutExpired:
            raise Failed(f"`make run` did not end within {patience} s. Its output:\n{self.output()}") from None
        # Its children may keep the output open for a moment.
        self.reader.join(STOP)
        return status

    def processes(self) -> dict[int, str]:
        """Every living process that descends from this `make run`, with its command."""
        return family(self.process.pid)

    def __enter__(self) -> "Service":
        return self

    def __exit__(self, *_: object) -> None:
        """Ends all processes, also after a failed test."""
        if self.process and self.process.poll() is None:
            left = self.processes()
            os.killpg(self.process.pid, signal.SIGTERM)
            try:
                self.process.wait(STOP)
            except subprocess.TimeoutExpired:
                for pid in left.keys() & process_table().keys():
                    os.kill(pid, signal.SIGKILL)


def family(root: int) -> dict[int, str]:
    """A living process and all its descendants, with their commands."""
    table = process_table()
    found = {root}
    while more := {pid for pid, (parent, _) in table.items() if parent in found} - found:
        found |= more
    return {pid: table[pid][1] for pid in found if pid in table}


def end_tree(root: int) -> None:
    """Kills a process and all its descendants."""
    for pid in family(root):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def process_table() -> dict[int, tuple[int, str]]:
    """Every living process of this machine: its parent and command."""
    table = {}
    if Path("/proc/self/stat").exists():
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                head, _, tail = stat.read_text(errors="replace").rpartition(") ")
            except OSError:
                continue
            pid, _, command = head.partition(" (")
            state, parent = tail.split()[:2]
            if state not in "ZX":
                table[int(pid)] = int(parent), command
        return table
    for line in subprocess.check_output(["ps", "-A", "-o", "pid=,ppid=,state=,comm="], text=True).splitlines():
        pid, parent, state, command = line.split(None, 3)
        if not state.startswith("Z"):
            table[int(pid)] = int(parent), command
    return table


def main(arguments: list[str]) -> int:
    if "--" not in arguments:
        print(__doc__)
        return 2
    split = arguments.index("--")
    variables = dict(argument.split("=", 1) for argument in arguments[:split])
    with tempfile.TemporaryDirectory() as state, Service(Path(state), **variables) as service:
        try:
            print(f"Starting the service on port {service.port}.", flush=True)
            service.start()
        except Failed as error:
            print(error, file=sys.stderr)
            return 1
        command = subprocess.Popen(arguments[split + 1 :], env=dict(os.environ, DEV_JSON=str(service.dev_json)))
        try:
            status = command.wait()
        except KeyboardInterrupt:  # Ctrl-C reaches the command, too
            return 0
        finally:
            if command.poll() is None:
                end_tree(command.pid)
                command.wait()
        if status < 0:  # ended by a signal, which may reach the command first
            return 128 - status
        if status != 0:
            print(f"Last output of the service:\n{service.output()}", file=sys.stderr)
        return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
