"""A file share: Markdown files of one to three chunks, out of the sample handbook's sentences."""

from __future__ import annotations

import random
from functools import cache
from pathlib import Path

from app.core.text import sentence_spans
from eval.bench.material.handbook import DOCUMENTS

_PER_FOLDER = 200
_SENTENCES = (6, 30)  # of a file
_SECTION = 8  # sentences


def write(folder: Path, files: int, *, seed: int = 0) -> None:
    """Write so many files, the same ones for the same seed."""
    for number in range(files):
        file = folder / f"{number // _PER_FOLDER:03}" / f"{number:05}.md"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(_text(number, random.Random(f"{seed}/{number}")), encoding="utf-8")


def _text(number: int, chance: random.Random) -> str:
    picked = chance.choices(_sentences(), k=chance.randint(*_SENTENCES))
    sections = [
        f"## Section {number}.{first // _SECTION}\n\n" + " ".join(picked[first : first + _SECTION])
        for first in range(0, len(picked), _SECTION)
    ]
    return f"# Report {number}\n\n" + "\n\n".join(sections) + "\n"


@cache
def _sentences() -> list[str]:
    """Plain sentences of running text."""
    found: set[str] = set()
    for file in sorted(DOCUMENTS.glob("*.md")):
        text = file.read_text(encoding="utf-8")
        found |= {" ".join(text[s.start : s.end].split()) for s in sentence_spans(text)}
    return sorted(s for s in found if len(s.split()) > 5 and not set("|#*`>") & set(s))
