#!/usr/bin/env python3
"""Runs make targets one after another, says which one runs, and prints the minutes of each at the end.

    python3 tests/steps.py target ...

`+target` starts a target beside the next ones, which go first, and `target` after that waits for it. It stops at the first target that
fails, with exit status 1. When a target runs this script in turn, its steps appear in the report of the outermost call.
"""

import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import nullcontext, suppress
from pathlib import Path

from service import end_on_signals

ROOT = Path(__file__).resolve().parent.parent
REPORT = "STEPS_REPORT"  # the file that collects the lines of all calls
DEPTH = "STEPS_DEPTH"


def cpu_seconds() -> float:
    """Processor time of all children that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def line(depth: int, name: str, wall: float, cpu: float, note: str = "") -> str:
    return f"{'  ' * depth + name:<28}{wall / 60:>8.1f}{cpu / 60:>8.1f}  {note}".rstrip()


class Step:
    """A target that is running. Its processor time is that of all targets that end meanwhile."""

    def __init__(self, target: str, environment: dict[str, str], beside: Path | None = None):
        """`beside` is a file for its output, if it runs beside others."""
        self.target, self.beside = target, beside
        self.began, self.used = time.monotonic(), cpu_seconds()
        with beside.open("w") if beside else nullcontext() as file:
            command = ["make", "--no-print-directory", target]
            self.process = subprocess.Popen(
                command, cwd=ROOT, env=environment, stdout=file, stderr=file, preexec_fn=yields if beside else None
            )

    def finish(self, report: Path, depth: int) -> int:
        """Waits for its end, and reports it."""
        status = self.process.wait()
        if self.beside:
            print(self.beside.read_text(), end="", flush=True)
        note = "FAILED" if status else "beside others" if self.beside else ""
        with report.open("a") as file:
            print(line(depth, self.target, time.monotonic() - self.began, cpu_seconds() - self.used, note), file=file)
        return status

    def stop(self) -> None:
        if self.process.poll() is None:
            # make passes it on. Ctrl-C reaches only those of this session without this.
            if self.beside:
                os.killpg(self.process.pid, signal.SIGTERM)
            self.process.terminate()
            self.process.wait()


def yields() -> None:
    """Lets the processes of all other targets go first."""
    os.nice(19)
    # Linux shares the processor among sessions first, and among the processes of each after that.
    os.setsid()
    with suppress(OSError):
        Path("/proc/self/autogroup").write_text("19")


def run(targets: list[str], report: Path, depth: int) -> int:
    environment = {**os.environ, REPORT: str(report), DEPTH: str(depth + 1)}
    running: dict[str, Step] = {}
    try:
        for number, target in enumerate(targets, 1):
            print(f"\n{'=' * (2 * depth + 2)} [{number}/{len(targets)}] make {target}  ({time.strftime('%H:%M:%S')})", flush=True)
            if target.startswith("+"):
                name = target.removeprefix("+")
                running[name] = Step(name, environment, report.with_name(f"{name}.output"))
            else:
                if target not in running:
                    running[target] = Step(target, environment)
                if status := running[target].finish(report, depth):
                    return status
                del running[target]
    finally:
        for step in running.values():
            step.stop()
    return 0


def main(targets: list[str]) -> int:
    if not targets:
        print(__doc__)
        return 2
    end_on_signals()
    if REPORT in os.environ:
        return run(targets, Path(os.environ[REPORT]), int(os.environ[DEPTH]))
    with tempfile.TemporaryDirectory() as directory:
        report = Path(directory) / "report"
        began = time.monotonic()
        status = run(targets, report, 0)
        print(f"\n{'Step':<28}{'minutes':>8}{'CPU':>8}\n{report.read_text()}", end="")
        print(line(0, "all", time.monotonic() - began, cpu_seconds(), "FAILED" if status else ""), flush=True)
    return 1 if status else 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
