"""What the service finds for judged questions: the ground on which fusion and ranking are fitted.

The questions are those of the judged sets, and of the kinds that the reader is trained on those
that were kept from it. Translations and xquad are left out: they are only ever measured on.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app.core.types import HybridQuery, Passage
from eval.judged.index import SCOPE, open_filled
from eval.judged.sets import JudgedSet, Question, Text, read
from eval.training.corpora import read_texts
from eval.training.pairs import Collection, gather

JUDGED = (
    "scifact", "cranfield", "cisi", "medline", "clapnq", "docs_rag", "wice", "chunking_eval",
)  # fmt: skip
DEPTH = 50
_KINDS = ("faq", "title", "keywords", "sentence", "search", "paragraph")
_SEED = 0


@dataclass(frozen=True, slots=True)
class Found:
    """A question and its candidates, best first by the service's fusion.

    Args:
        kind: The set that the question is of.
        passages: At most twice DEPTH, each with the score of every search that found it.
        answers: Which of them answer it, shape (passages,).
        terms: How many terms BM25 looked for.
        held_out: Measured on, not fitted on.
    """

    kind: str
    question: str
    passages: Sequence[Passage]
    answers: NDArray[np.bool_]
    terms: int
    held_out: bool


def collect(
    data: Path,
    texts: Path,
    cache: Path,
    *,
    most: int,
    more: Mapping[str, int] | None = None,
    only: Container[str] | None = None,
) -> list[Found]:
    """Candidates of at most `most` questions of each set; every second one is held out.

    Args:
        data: Folder of the published sets.
        texts: Folder of the documentation packages; see `corpora.py`.
        cache: Folder in which vectors are remembered from run to run.
        more: Of which sets so many are taken instead.
        only: The sets to take; all where none are named.
    """
    sets = [read(data, name) for name in JUDGED]
    sets += held_out_sets(gather(data, list(read_texts(texts))))
    found: list[Found] = []
    for one in sets:
        if only is not None and one.name not in only:
            continue
        wanted = one.sample((more or {}).get(one.name, most), seed=_SEED)
        found += asyncio.run(_found(wanted, cache))
        sys.stderr.write(f"{one.name}: {len(one.texts)} texts, {len(found)} questions so far\n")
    return found


def held_out_sets(collection: Collection) -> Iterator[JudgedSet]:
    """Sets of the pairs that nothing was learned from, over the texts that they are among.

    Questions of `paragraph` that only seem to be answered have no grades.
    """
    for kind in _KINDS:
        pairs = [p for p in collection.pairs if p.held_out and p.kind == kind]
        sources = {collection.passages[pair.passage].source for pair in pairs}
        sources |= {"nq"} if kind == "search" else set()
        texts = [
            Text(f"{kind}/{number}", passage.context, passage.body)
            for number, passage in enumerate(collection.passages)
            if passage.source in sources
        ]
        questions = [
            Question(p.question, {f"{kind}/{p.passage}": 1.0} if p.answerable else {})
            for p in pairs
        ]
        yield JudgedSet(kind, kind, texts, questions)


async def _found(one: JudgedSet, cache: Path) -> list[Found]:
    found: list[Found] = []
    async with open_filled([one], cache) as (footnote, _):
        base = footnote.base
        languages = await base.store.languages(SCOPE)
        for number, question in enumerate(one.questions):
            sparse = base.sparse.encode_query(question.text, languages)
            (vector,) = await base.dense.encode([question.text])
            query = HybridQuery(vector, sparse, limit=2 * DEPTH, depth=DEPTH, vectors=True)
            passages = await base.store.search(query, SCOPE)
            answers = np.array([_answers(question, p) for p in passages], dtype=bool)
            terms = len(sparse.indices)
            found.append(Found(one.name, question.text, passages, answers, terms, number % 2 == 1))
    return found


def _answers(question: Question, passage: Passage) -> bool:
    if passage.source not in question.grades:
        return False
    return not question.spans or any(
        passage.start < span.end and passage.end > span.start for span in question.spans
    )
