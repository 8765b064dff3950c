"""The receiver of events in docs/development.md, as it stands there."""

import subprocess
import sys
import threading
from pathlib import Path

from caller import check, until
from pages import block
from service import Failed, free_port, listens


class DocumentedReceiver:
    """Runs it on a free port."""

    KEY = "a-secret-of-your-choice"

    def __init__(self, directory: Path):
        script = block("development.md", "## Webhook", "python")
        check(self.KEY in script and script.count("9999") == 1, "It must contain the key and the port.", script)
        command = block("development.md", "## Webhook", "sh")
        check(command == f"make run WEBHOOK_URL=http://127.0.0.1:9999/hook WEBHOOK_KEY={self.KEY}\n", "The command must fit it.", command)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/hook"
        self.script = directory / "receiver.py"
        self.script.write_text(script.replace("9999", str(self.port)))
        self.lines: list[str] = []

    def types(self, invitation: dict) -> list[str]:
        """The types of the events about it that were printed."""
        events = (line.split() for line in list(self.lines))
        return [kind for kind, id in events if id == invitation["id"]]

    def _read(self) -> None:
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))

    def __enter__(self) -> "DocumentedReceiver":
        # It logs requests to its standard error.
        self.process = subprocess.Popen(
            [sys.executable, str(self.script)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, text=True
        )
        threading.Thread(target=self._read, daemon=True).start()
        try:
            until(lambda: listens(self.port), "The receiver must start.")
        except Failed:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait()
