"""Public questions over passages of several kinds, in one form."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from app.adapters import bundled
from app.core.text import Span
from app.core.types import Chunk, ParsedDocument
from ingestion.chunk import Chunker

SEED, SAMPLE = 0, 300
CORPORA = ("state_of_the_union", "wikitexts", "chatlogs")
LICENCES = {
    "squad2": "CC BY-SA 4.0",
    "clapnq": "Apache-2.0",
    "qed_nq": "CC BY-SA 3.0",
    "docs_rag": "MIT",
    f"chunking_eval ({', '.join(CORPORA)})": "MIT",
}


@dataclass(frozen=True, slots=True)
class TrainingPassage:
    """A chunk and its document's title."""

    title: str
    chunk: Chunk

    @property
    def context(self) -> str:
        """Title and headings, as the graph shows them to the scorer."""
        heading = self.chunk.heading
        return f"{self.title} > {heading}" if heading and heading != self.title else self.title


@dataclass(frozen=True, slots=True)
class Question:
    """A question and where it is answered.

    Args:
        text: The question.
        answers_in: Passages that answer it, or seem to when it is not answerable.
        answerable: False for look-alikes whose passage does not answer them.
        answers: Texts that stand in an answering sentence, or that it stands in.
        spans: Places in the document that answer.
        held_out: Measured on, not fitted on.
    """

    text: str
    answers_in: frozenset[int]
    answerable: bool = True
    answers: tuple[str, ...] = ()
    spans: tuple[Span, ...] = ()
    held_out: bool = False

    @property
    def labelled(self) -> bool:
        """Whether it is known which sentences answer."""
        return bool(self.answers or self.spans or not self.answerable)

    def holds(self, index: int, chunk: Chunk, sentence: Span) -> bool:
        """Whether a sentence of passage `index` holds the answer."""
        if not self.answerable or index not in self.answers_in:
            return False
        low = chunk.text[sentence.start : sentence.end].lower()
        start, end = chunk.start + sentence.start, chunk.start + sentence.end
        return any(a.lower() in low or low in a.lower() for a in self.answers if a) or any(
            start < span.end and end > span.start for span in self.spans
        )


@dataclass(frozen=True, slots=True)
class Set:
    """Passages and the questions about them; sets of one kind weigh as much as others."""

    name: str
    kind: str
    passages: Sequence[TrainingPassage]
    questions: Sequence[Question]


def read_sets(folder: Path) -> list[Set]:
    """All sets below `folder`."""
    return [_wiki(folder), _docs(folder), *(_prose(folder, name) for name in CORPORA)]


def _wiki(folder: Path) -> Set:
    """squad2, clapnq and qed_nq in one pool of paragraphs."""
    rng = np.random.default_rng(SEED)
    passages: list[TrainingPassage] = []
    questions: list[Question] = []

    def add(title: str, text: str) -> int:
        passages.append(TrainingPassage(title, Chunk(0, text, 0, len(text))))
        return len(passages) - 1

    for read in (_squad2, _clapnq, _qed_nq):
        asked: list[Question] = []
        for title, text, about in read(folder):
            index = add(title, text)
            for question, answers, answerable in about:
                held_out = index % 3 == 0  # by paragraph, so that none fits and measures
                asked.append(
                    Question(question, frozenset([index]), answerable, answers, held_out=held_out)
                )
        questions += [asked[i] for i in rng.permutation(len(asked))[:SAMPLE]]
    return Set("wiki", "wiki", passages, questions)


About = list[tuple[str, tuple[str, ...], bool]]


def _squad2(folder: Path) -> list[tuple[str, str, About]]:
    data = json.loads((folder / "squad2/part.json").read_text())["data"]
    return [
        (
            article["title"].replace("_", " "),
            paragraph["context"],
            [
                (qa["question"], tuple(a["text"] for a in qa["answers"]), not qa["is_impossible"])
                for qa in paragraph["qas"]
            ],
        )
        for article in data
        for paragraph in article["paragraphs"]
    ]


def _clapnq(folder: Path) -> list[tuple[str, str, About]]:
    found: list[tuple[str, str, About]] = []
    for file in sorted((folder / "clapnq/annotated_data/dev").glob("*.jsonl")):
        for row in _lines(file):
            chosen = tuple(row["output"][0].get("selected_sentences") or ())
            passage = row["passages"][0]
            found.append(
                (passage["title"], passage["text"], [(row["input"], chosen, bool(chosen))])
            )
    return found


def _qed_nq(folder: Path) -> list[tuple[str, str, About]]:
    """Real search questions; which sentence answers is not in the data."""
    rows = _lines(folder / "qed_nq/train.jsonl")[: 2 * SAMPLE]
    return [(row["title"], row["paragraph"], [(row["question"], (), True)]) for row in rows]


def _docs(folder: Path) -> Set:
    """Documentation: sections, and questions with the sections that answer them."""
    sections = json.loads((folder / "docs_rag/anthropic_docs.json").read_text())
    passages: list[TrainingPassage] = []
    places: dict[str, list[int]] = {}
    for section in sections:
        title, link = section["chunk_heading"], section["chunk_link"]
        for chunk in training_chunker().cut(ParsedDocument(link, title, section["text"])):
            places.setdefault(link, []).append(len(passages))
            passages.append(TrainingPassage(title, chunk))
    rows = json.loads((folder / "docs_rag/docs_evaluation_dataset.json").read_text())
    questions = [
        Question(
            row["question"],
            frozenset(i for link in row["correct_chunks"] for i in places.get(link, [])),
            held_out=(number // 2) % 3 == 0,
        )
        for number, row in enumerate(rows)
    ]
    return Set("docs_rag", "docs", passages, questions)


def _prose(folder: Path, name: str) -> Set:
    """One long text, and questions with the places that answer them."""
    text = (folder / f"chunking_eval/corpora/{name}.md").read_text()
    title = name.replace("_", " ")
    passages = [
        TrainingPassage(title, chunk)
        for chunk in training_chunker().cut(ParsedDocument(name, title, text))
    ]
    questions: list[Question] = []
    with (folder / "chunking_eval/questions_df.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["corpus_id"] == name]
    for number, row in enumerate(rows):
        references = json.loads(row["references"])
        spans = tuple(Span(r["start_index"], r["end_index"]) for r in references)
        answers_in = frozenset(
            i
            for i, p in enumerate(passages)
            if any(p.chunk.start < s.end and p.chunk.end > s.start for s in spans)
        )
        held_out = (number // 2) % 3 == 0
        questions.append(Question(row["question"], answers_in, spans=spans, held_out=held_out))
    return Set(name, "prose", passages, questions)


def training_chunker() -> Chunker:
    """Cuts as the service does by default."""
    return Chunker(
        bundled.tokenizer(), chunk_tokens=220, min_tokens=24, max_tokens=bundled.MAX_TOKENS
    )


def _lines(file: Path) -> list[dict[str, Any]]:
    with file.open(encoding="utf-8") as rows:
        return [json.loads(row) for row in rows]
