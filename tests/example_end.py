"""`make example` ends with everything that it has started."""

import os
import signal
import subprocess

from caller import check, step, until
from service import FIRST_START, ROOT, STOP, end_tree, family, free_port, listens, process_table


def ends_with_make() -> None:
    for number in (signal.SIGTERM, signal.SIGHUP):
        step(f"{number.name} ends `make example` and everything that it has started")
        port = free_port()
        command = ["make", "--no-print-directory", "example", f"EXAMPLE_PORT={port}"]
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, start_new_session=True)
        started = {}
        try:
            until(lambda port=port: listens(port), "The application must start.", FIRST_START)
            started = family(process.pid)
            check({"node", "cargo-lambda"} <= set(started.values()), "The application and the service must run.", started)
            # A closed terminal sends SIGHUP to its whole process group, and `kill` sends SIGTERM to make alone.
            if number == signal.SIGHUP:
                os.killpg(process.pid, number)
            else:
                process.send_signal(number)
            check(process.wait(2 * STOP) != 0, "make must say that it was ended.")
            left = {pid: name for pid, name in started.items() if pid in process_table()}
            check(not left, "Nothing must be left.", left)
        finally:
            for pid in started or [process.pid]:
                end_tree(pid)
            process.wait()
