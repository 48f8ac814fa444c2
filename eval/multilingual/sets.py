"""Paragraphs and questions in thirteen languages.

Twelve are XQuAD's (Artetxe et al., 2020; CC BY-SA 4.0), 240 paragraphs and 1,190 questions
each, translated from SQuAD. It has no Japanese: `japanese.txt` was written for Footnote
(Apache-2.0), 60 paragraphs, several on each subject so that they compete, with two questions
each in other words than the paragraph's, all before the first search over them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

XQUAD = Path(__file__).parents[3] / "shared" / "data" / "xquad"
JAPANESE = Path(__file__).with_name("japanese.txt")


@dataclass(frozen=True, slots=True)
class Set:
    """Paragraphs of one language, and questions with the number of the one that answers."""

    language: str
    paragraphs: list[str]
    questions: list[tuple[str, int]]


def read_xquad(folder: Path, *languages: str) -> list[Set]:
    """XQuAD's sets, by ISO 639-1 codes; all of the folder's without one."""
    files = [folder / f"xquad.{code}.json" for code in languages]
    return [_xquad(file) for file in files or sorted(folder.glob("xquad.*.json"))]


def read_japanese() -> Set:
    """Ours: blocks of a paragraph and its questions, which begin with a question mark."""
    blocks = JAPANESE.read_text(encoding="utf-8").strip().split("\n\n")
    paragraphs, questions = [], []
    for number, block in enumerate(blocks):
        paragraph, *asked = block.splitlines()
        paragraphs.append(paragraph)
        questions += [(line.removeprefix("? "), number) for line in asked]
    return Set("ja", paragraphs, questions)


def _xquad(file: Path) -> Set:
    articles = json.loads(file.read_text(encoding="utf-8"))["data"]
    found = [paragraph for article in articles for paragraph in article["paragraphs"]]
    return Set(
        file.suffixes[0][1:],
        [paragraph["context"] for paragraph in found],
        [(qa["question"], n) for n, paragraph in enumerate(found) for qa in paragraph["qas"]],
    )
