"""The published sets in one form: texts, questions, and which texts answer them.

The sets lie in a folder beside the repository, one folder each; none of their text is copied
into the project. A folder that is not named here is read if it has BEIR's form (Thakur et al.,
2021): `corpus.jsonl`, `queries.jsonl`, `qrels/*.tsv`.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from app.core.text import Span

SHARED = Path(__file__).parents[2].parent / "shared" / "data"
"""Beside the repository, where the sets are looked for unless another folder is named."""
LANGUAGES = ("de", "es", "zh", "ar", "ru")
"""Of XQuAD's translations, those that are read: two near English, three of other scripts."""


@dataclass(frozen=True, slots=True)
class Text:
    """A document of a set; `key` names it, and no other one of any set."""

    key: str
    title: str
    body: str


@dataclass(frozen=True, slots=True)
class Question:
    """A question with the grades, above 0, of the texts that answer it.

    Args:
        text: The question.
        grades: By key of the text.
        spans: Places in the one graded text that answer; empty where the whole text does.
    """

    text: str
    grades: Mapping[str, float]
    spans: Sequence[Span] = ()


@dataclass(frozen=True, slots=True)
class JudgedSet:
    """A corpus and questions about it.

    Args:
        family: Sets of one family, such as translations of one set, weigh as one in a mean.
    """

    name: str
    family: str
    texts: Sequence[Text]
    questions: Sequence[Question]

    @property
    def has_spans(self) -> bool:
        """Whether places in texts were judged, and not texts as a whole."""
        return any(question.spans for question in self.questions)

    def sample(self, most: int, *, seed: int = 0) -> JudgedSet:
        """The set with at most so many questions, the same ones every time; 0: all of them."""
        if not most or most >= len(self.questions):
            return self
        drawn = np.random.default_rng(seed).choice(len(self.questions), most, replace=False)
        return replace(self, questions=[self.questions[i] for i in sorted(drawn)])


Read = tuple[list[Text], list[Question]]


class MissingSetError(Exception):
    """A set is not there."""


def present(folder: Path) -> list[str]:
    """Names of the sets that are known here and lie below `folder`."""
    return [name for name, (files, _) in _READERS.items() if (folder / files).exists()]


def locate(folder: Path, name: str) -> tuple[Path, Callable[[Path], Read]]:
    """The file that a set is read from, and how. Raises MissingSetError when it is not there."""
    file, reader = _READERS.get(name, (f"{name}/corpus.jsonl", _beir))
    place = folder / file
    if not place.exists():
        raise MissingSetError(f"no set {name}: {place} is missing; name the folder with --data")
    return place, reader


def read(folder: Path, name: str) -> JudgedSet:
    """One set. Raises MissingSetError when it is not there."""
    place, reader = locate(folder, name)
    texts, questions = reader(place)
    return JudgedSet(
        name,
        place.relative_to(folder).parts[0],
        [replace(text, key=_key(name, text.key)) for text in texts],
        [replace(q, grades={_key(name, k): g for k, g in q.grades.items()}) for q in questions],
    )


def _key(name: str, key: str) -> str:
    """The key of a text among those of all sets."""
    return f"{name}/{key}"


def _beir(corpus: Path) -> Read:
    folder = corpus.parent
    asked = {row["_id"]: row["text"] for row in _lines(folder / "queries.jsonl")}
    grades: dict[str, dict[str, float]] = {}
    for file in sorted((folder / "qrels").glob("*.tsv")):
        with file.open(encoding="utf-8") as rows:
            for query, document, *_, grade in list(csv.reader(rows, delimiter="\t"))[1:]:
                if float(grade) > 0 and query in asked:
                    grades.setdefault(query, {})[document] = float(grade)
    texts = [Text(row["_id"], row.get("title") or "", row["text"]) for row in _lines(corpus)]
    return texts, [Question(asked[query], found) for query, found in grades.items()]


def _squad(file: Path) -> Read:
    """Each paragraph a document; questions that have an answer."""
    texts: list[Text] = []
    questions: list[Question] = []
    for article in json.loads(file.read_text(encoding="utf-8"))["data"]:
        title = article.get("title", "").replace("_", " ")
        for paragraph in article["paragraphs"]:
            text = Text(f"p{len(texts)}", title, paragraph["context"])
            texts.append(text)
            questions += [
                Question(row["question"].strip(), {text.key: 1.0})
                for row in paragraph["qas"]
                if not row.get("is_impossible")
            ]
    return texts, questions


def _wice(file: Path) -> Read:
    """Claims against the web pages that support them, wholly or in part."""
    texts: dict[str, Text] = {}
    questions: list[Question] = []
    for row in _lines(file):
        first, *rest = row["evidence"]
        named = first.startswith("(meta data) TITLE:")
        title = first.removeprefix("(meta data) TITLE:").strip() if named else ""
        body = "\n".join(rest if named else row["evidence"])
        text = texts.setdefault(f"{title}\n{body}", Text(f"d{len(texts)}", title, body))
        if row["label"] != "not_supported":
            questions.append(Question(row["claim"], {text.key: 1.0}))
    return list(texts.values()), questions


def _chunking(file: Path) -> Read:
    """Five long texts; questions with the characters that answer them."""
    with file.open(encoding="utf-8", newline="") as rows:
        found = list(csv.DictReader(rows))
    names = sorted({row["corpus_id"] for row in found})
    folder = file.parent / "corpora"
    texts = [
        Text(name, name.replace("_", " "), (folder / f"{name}.md").read_text(encoding="utf-8"))
        for name in names
    ]
    return texts, [
        Question(row["question"], {row["corpus_id"]: 1.0}, tuple(_spans(row["references"])))
        for row in found
    ]


def _spans(references: str) -> Iterator[Span]:
    for reference in json.loads(references):
        yield Span(reference["start_index"], reference["end_index"])


def _lines(file: Path) -> Iterator[dict[str, Any]]:
    with file.open(encoding="utf-8") as rows:
        for row in rows:
            yield json.loads(row)


_READERS: Mapping[str, tuple[str, Callable[[Path], Read]]] = {
    "scifact": ("scifact/corpus.jsonl", _beir),
    "cranfield": ("cranfield/corpus.jsonl", _beir),
    "cisi": ("cisi/corpus.jsonl", _beir),
    "medline": ("medline/corpus.jsonl", _beir),
    "clapnq": ("clapnq/beir/corpus.jsonl", _beir),
    "docs_rag": ("docs_rag/beir/corpus.jsonl", _beir),
    "chunking_eval": ("chunking_eval/questions_df.csv", _chunking),
    "squad2": ("squad2/part.json", _squad),
    "wice": ("wice/data/entailment_retrieval/claim/dev.jsonl", _wice),
    "xquad": ("xquad/xquad.en.json", _squad),
    **{f"xquad_{code}": (f"xquad/xquad.{code}.json", _squad) for code in LANGUAGES},
}
"""The file that each set is read from, and how."""
