"""Public questions with their paragraph and the words in it that answer them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.adapters import bundled
from app.core.text import Span
from ingestion.chunk import Chunker

LICENCES = {"squad2": "CC BY-SA 4.0", "clapnq": "Apache-2.0"}
_HELD_OUT_EVERY = 3  # paragraphs


@dataclass(frozen=True, slots=True)
class Question:
    """A question and the paragraph that answers it.

    Args:
        answers: Texts that stand in an answering sentence, or that it stands in.
        held_out: Measured on, not fitted on.
    """

    text: str
    title: str
    paragraph: str
    answers: tuple[str, ...]
    held_out: bool

    def answered_in(self, sentence: Span) -> bool:
        """Whether a sentence of the paragraph holds the answer."""
        low = self.paragraph[sentence.start : sentence.end].lower()
        return any(a.lower() in low or low in a.lower() for a in self.answers if a)


def read_questions(folder: Path) -> list[Question]:
    """All answerable questions of the sets below `folder`."""
    return [*_squad2(folder), *_clapnq(folder)]


def _squad2(folder: Path) -> Iterator[Question]:
    data = json.loads((folder / "squad2/part.json").read_text())["data"]
    for article in data:
        for number, paragraph in enumerate(article["paragraphs"]):
            for qa in paragraph["qas"]:
                if not qa["is_impossible"]:
                    yield Question(
                        qa["question"],
                        article["title"].replace("_", " "),
                        paragraph["context"],
                        tuple(a["text"] for a in qa["answers"]),
                        number % _HELD_OUT_EVERY == 0,
                    )


def _clapnq(folder: Path) -> Iterator[Question]:
    for file in sorted((folder / "clapnq/annotated_data/dev").glob("*.jsonl")):
        for number, row in enumerate(_lines(file)):
            chosen = tuple(row["output"][0].get("selected_sentences") or ())
            passage = row["passages"][0]
            held_out = number % _HELD_OUT_EVERY == 0
            if chosen:
                yield Question(row["input"], passage["title"], passage["text"], chosen, held_out)


def training_chunker() -> Chunker:
    """Cuts as the service does by default."""
    return Chunker(
        bundled.tokenizer(), chunk_tokens=220, min_tokens=24, max_tokens=bundled.MAX_TOKENS
    )


def _lines(file: Path) -> list[dict[str, Any]]:
    with file.open(encoding="utf-8") as rows:
        return [json.loads(row) for row in rows]
