"""The committed bundle is what `make panel` makes, and small."""

import gzip
import os
import subprocess
import tempfile
from pathlib import Path

from browser.chromium import check
from service import ROOT

LARGEST = 20_000  # bytes, compressed
COMMITTED = ROOT / "panel" / "dist" / "invitations-panel.js"


def csv_is_understood() -> None:
    """The parser of addresses and CSV, by itself."""
    subprocess.run(["node", str(Path(__file__).parent / "csv.mjs")], check=True)


def is_current() -> int:
    """Bundles the sources again and compares the bytes. Returns the compressed size."""
    with tempfile.TemporaryDirectory() as directory:
        made = Path(directory) / "invitations-panel.js"
        subprocess.run(["node", str(ROOT / "panel" / "build.mjs"), os.environ["NODE_TOOLS"], str(made)], check=True)
        check(made.read_bytes() == COMMITTED.read_bytes(), "The bundle must be what its sources make; run `make panel` and commit it.")
    script = COMMITTED.read_text()
    for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function", "style="):
        check(word not in script, f"The bundle must not contain {word}.")
    size = len(gzip.compress(COMMITTED.read_bytes(), 9, mtime=0))
    check(size <= LARGEST, f"The compressed bundle must have at most {LARGEST} bytes.", size)
    return size
