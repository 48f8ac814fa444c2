"""The sample handbook: realistic questions and texts."""

from __future__ import annotations

import json
from itertools import cycle, islice
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "datasets" / "handbook"
DOCUMENTS = FOLDER / "documents"


def questions(count: int) -> list[str]:
    """The handbook's questions, from the first again when there are not enough."""
    lines = (FOLDER / "questions.jsonl").read_text(encoding="utf-8").splitlines()
    return list(islice(cycle(json.loads(line)["question"] for line in lines), count))


def passages(count: int, words: int = 150) -> list[str]:
    """Pieces of running text of the handbook, all different, as long as a chunk usually is."""
    texts = [file.read_text(encoding="utf-8") for file in sorted(DOCUMENTS.glob("*.md"))]
    running = " ".join(texts).split()
    step = max(1, (len(running) - words) // count)
    return [" ".join(running[n * step : n * step + words]) for n in range(count)]
