"""The code blocks of the pages in docs/, as they stand there."""

import re

from caller import check
from service import ROOT


def blocks(page: str, heading: str, language: str) -> list[str]:
    """The code blocks in this language between a heading and the next one."""
    text = (ROOT / "docs" / page).read_text()
    _, found, section = text.partition(f"\n{heading}\n")
    check(found, f"docs/{page} must have the heading {heading}.")
    section = re.split(r"^##+ ", section, maxsplit=1, flags=re.MULTILINE)[0]
    return re.findall(rf"^```{language}\n(.*?)^```", section, flags=re.MULTILINE | re.DOTALL)


def block(page: str, heading: str, language: str) -> str:
    """The only code block in this language between a heading and the next one."""
    found = blocks(page, heading, language)
    check(len(found) == 1, f"{heading} of docs/{page} must have one block of {language}.", len(found))
    return found[0]
