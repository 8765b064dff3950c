"""The receiver of events in docs/development.md, as it stands there, and the code blocks of pages."""

import re
import subprocess
import sys
import threading
from pathlib import Path

from caller import check, until
from service import ROOT, Failed, free_port, listens


def block(page: str, heading: str, language: str) -> str:
    """The only code block in this language between a heading and the next one."""
    text = (ROOT / "docs" / page).read_text()
    _, found, section = text.partition(f"\n{heading}\n")
    check(found, f"docs/{page} must have the heading {heading}.")
    section = re.split(r"^##+ ", section, maxsplit=1, flags=re.MULTILINE)[0]
    blocks = re.findall(rf"^```{language}\n(.*?)^```", section, flags=re.MULTILINE | re.DOTALL)
    check(len(blocks) == 1, f"{heading} of docs/{page} must have one block of {language}.", len(blocks))
    return blocks[0]


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
