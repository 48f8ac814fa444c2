"""The ingested documents as something to learn from, and to measure on.

Questions are made from them as `pairs.py` makes them: titles and headings, sentences taken out
of their text, keywords, statements with a word asked for. Answers that a reader liked are
questions as well. Whole documents are held out: nothing is learned from a question about one,
nor is one of its passages taken for a wrong answer.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from app.adapters import payload
from app.adapters.fields import BM25, DENSE
from app.adapters.fusion import ranked
from app.core import types
from app.core.errors import InputError
from app.core.types import HybridQuery, Scores, SparseVector, Vectors
from app.service import Footnote
from eval.training.candidates import Found
from eval.training.negatives import Floats, Words, with_negatives
from eval.training.pairs import (
    STATEMENTS,
    Collection,
    Pair,
    Passage,
    ask_for_word,
    headings,
    without_help,
)

FEWEST = 100
"""Questions to measure on, and questions to learn from; with fewer, chance decides."""
MOST_HELD_OUT = 300
_HELD_OUT = 0.2  # of the questions
_ROUNDS = 4
_SHARE = 0.6  # of the passages that a sentence is taken out of, each round
_AT_ONCE = 256  # questions
_SPARE = 50  # candidates, in place of those that are left out
_ALONE = ("title", "faq", "keywords", "liked")
"""Kinds of which another passage of the same document may be right as well."""


@dataclass(slots=True)
class Library:
    """A tenant's passages as the index holds them, and the questions made from them.

    Args:
        shown: The passages as a search gives them, without scores.
        vectors: Of the passages, shape (passages, dimensions).
        sparse: Their BM25 weights.
    """

    footnote: Footnote
    tenant: str
    shown: list[types.Passage] = field(default_factory=list)
    texts: Collection = field(default_factory=Collection)
    vectors: Vectors = field(default_factory=lambda: np.zeros((0, 0), np.float32))
    sparse: list[SparseVector] = field(default_factory=list)
    documents: int = 0
    languages: Sequence[str] = ()
    _words: Words | None = None

    @property
    def words(self) -> Words:
        """BM25 over the passages."""
        if self._words is None:
            self._words = Words(self.sparse)
        return self._words

    async def asked(self, questions: Sequence[str]) -> tuple[Vectors, list[SparseVector]]:
        """Vectors and terms of questions, as the service makes them."""
        base = self.footnote.base
        terms = [base.sparse.encode_query(question, self.languages) for question in questions]
        return await base.dense.encode(questions), terms


async def read_library(footnote: Footnote, tenant: str) -> Library:
    """All passages of a tenant, with no questions yet.

    Raises InputError when there are none.
    """
    found = Library(footnote, tenant)
    vectors = []
    async for document, chunks in footnote.store.everything(lambda d: d.tenant == tenant):
        found.documents += 1
        for chunk in chunks:
            shown = payload.to_passage(
                payload.to_payload(document, chunk.chunk, live=True), Scores()
            )
            found.shown.append(shown)
            found.texts.add(Passage("own", document.document_id, shown.context, shown.text))
            vectors.append(chunk.dense)
            found.sparse.append(chunk.sparse)
    if not vectors:
        raise InputError(
            f"tenant {tenant!r} has no documents", hint="bring them in with footnote ingest"
        )
    found.vectors = np.stack(vectors)
    found.languages = await footnote.store.languages(types.Scope(tenant))
    return found


async def make_pairs(library: Library, *, most: int, seed: int = 0) -> list[Pair]:
    """Questions with their passage, some of them held out; no negatives yet.

    Args:
        most: Questions to learn from, at the most.

    Raises InputError when there is too little text.
    """
    rng = np.random.default_rng(seed)
    places = range(len(library.texts.passages))
    headings(library.texts, places, rng, share=1.0)
    for place in places:
        if rng.random() < STATEMENTS:
            ask_for_word(library.texts, place, rng)
    for _ in range(_ROUNDS):
        without_help(library.texts, list(places), rng, share=_SHARE)
        if len(library.texts.pairs) > most / (1 - _HELD_OUT):
            break
    pairs = list({(p.question, p.passage): p for p in library.texts.pairs}.values())
    pairs = [pairs[i] for i in rng.permutation(len(pairs))]
    pairs = [*await _liked(library), *pairs]
    held_out = _held_out(library, pairs, rng)
    pairs = [replace(p, held_out=library.texts.passages[p.passage].page in held_out) for p in pairs]
    measured = [p for p in pairs if p.held_out][:MOST_HELD_OUT]
    learned = [p for p in pairs if not p.held_out][:most]
    if min(len(measured), len(learned)) < FEWEST:
        raise InputError(
            f"there is too little text: it makes {len(learned)} questions to learn from and "
            f"{len(measured)} about other documents to measure on, of {FEWEST} needed of each",
            hint="ingest more documents",
        )
    return [*learned, *measured]


def _held_out(library: Library, pairs: Sequence[Pair], rng: np.random.Generator) -> set[str]:
    """Documents drawn until enough questions are about them."""
    about = Counter(library.texts.passages[pair.passage].page for pair in pairs)
    wanted = min(max(FEWEST, _HELD_OUT * len(pairs)), MOST_HELD_OUT)
    pages, found, count = list(about), set[str](), 0
    for number in rng.permutation(len(pages)):
        page = pages[number]
        if count < wanted and count + about[page] <= len(pairs) / 2:  # one may be a whole book
            found.add(page)
            count += about[page]
    return found


async def _liked(library: Library) -> list[Pair]:
    """Questions whose answer was rated up, with the passage that the answer was taken from.

    A conversation keeps no citations; an answer quotes, so the passage is the one that BM25
    finds for it. Later questions of a conversation lean on what was said before: only the
    first one counts. Answers that were rated down teach nothing: nobody knows what was wrong.
    """
    memory = library.footnote.memory
    liked = {a for a, rating in (await memory.ratings(library.tenant)).items() if rating > 0}
    if not liked:
        return []
    said: dict[str, str] = {}
    async for kept in memory.checkpointer.alist(None):
        thread = json.loads(kept.config["configurable"]["thread_id"])
        messages = kept.checkpoint["channel_values"].get("messages") or []
        first = [*messages[:2], {}, {}]
        if thread[0] == library.tenant and first[1].get("answer_id") in liked:
            said[first[0]["content"]] = first[1]["content"]
    if not said:
        return []
    _, terms = await library.asked(list(said.values()))
    places = library.words.scores(terms).argmax(axis=1)
    return [
        Pair("liked", question, int(place), library.texts.passages[int(place)])
        for question, place in zip(said, places, strict=True)
    ]


async def mined(library: Library, pairs: Sequence[Pair], *, seed: int = 0) -> list[Pair]:
    """Of what is learned from, the pairs that have enough negatives, with them."""
    learned = [pair for pair in pairs if not pair.held_out]
    passages = library.texts.passages
    pages = {passages[p.passage].page for p in pairs if p.held_out}
    barred = {place for place, passage in enumerate(passages) if passage.page in pages}
    asked = await library.asked([pair.question for pair in learned])
    stored = library.vectors, library.words
    return with_negatives(learned, passages, stored, asked, barred=barred, seed=seed)


async def searched(library: Library, pairs: Sequence[Pair]) -> list[Found]:
    """What the service finds for each question, as if the index held what `pair.shown` holds.

    A sentence that was taken out of its text is not found by its own words.
    """
    base, found = library.footnote.base, []
    altered = [f"{p.shown.context}\n{p.shown.body}" for p in pairs]
    vectors = await base.dense.encode(altered)
    weights = base.sparse.encode_documents(altered, next(iter(library.languages), ""))
    asked, terms = await library.asked([pair.question for pair in pairs])
    for start in range(0, len(pairs), _AT_ONCE):
        end = min(start + _AT_ONCE, len(pairs))
        dense = asked[start:end] @ library.vectors.T
        bm25 = library.words.scores(terms[start:end])
        for place in range(start, end):
            gold = pairs[place].passage
            by_sense, by_words = dense[place - start], bm25[place - start]
            by_sense[gold] = asked[place] @ vectors[place]
            by_words[gold] = library.words.score(terms[place], weights[place])
            query = _query(library, pairs[place].question, asked[place], terms[place])
            found.append(_found(library, pairs[place], query, vectors[place], by_sense, by_words))
    return found


def _query(
    library: Library, question: str, vector: types.Vector, terms: SparseVector
) -> HybridQuery:
    settings, reranking = library.footnote.settings.retrieval, library.footnote.settings.reranking
    trust = library.footnote.base.dense.trust(question)
    limit = max(settings.k + settings.k // 2, reranking.depth, settings.depth)
    return HybridQuery(
        dense=vector,
        sparse=terms,
        limit=limit,
        depth=max(settings.depth, limit),
        weights=(settings.dense_weight * trust, settings.bm25_weight),
        fusion=settings.fusion,
        rrf_k=settings.rrf_k,
    )


@dataclass(frozen=True, slots=True)
class _Point:
    id: int
    score: float


def _found(
    library: Library,
    pair: Pair,
    query: HybridQuery,
    altered: types.Vector,
    dense: Floats,
    bm25: Floats,
) -> Found:
    """Fused candidates, without those of which nobody knows whether they are right.

    Args:
        altered: The vector of what the pair shows.
    """
    gold = library.texts.passages[pair.passage]
    lists = {}
    for name, scores in ((DENSE, dense), (BM25, bm25)):
        best = np.argsort(-scores, kind="stable")[: query.depth + _SPARE]
        points = [
            _Point(int(n), float(scores[n]))
            for n in best
            if n == pair.passage or _is_other(pair, gold, library.texts.passages[n])
        ]
        if name == BM25:
            points = [point for point in points if point.score > 0]
        lists[name] = points[: query.depth]
    places, passages = [], []
    for key, scores_of in ranked(query, lists):
        vector = library.vectors[int(key)]
        shown = library.shown[int(key)]
        if int(key) == pair.passage:
            title, _, heading = pair.shown.context.partition(" > ")
            # No source: its name would say again what the pair leaves out.
            changed = {"source": "", "title": title, "heading": heading, "text": pair.shown.body}
            shown, vector = shown.model_copy(update=changed), altered
        found = {
            "scores": scores_of,
            "score": scores_of.fused or 0.0,
            "vector": vector.astype(np.float32).tobytes(),
        }
        passages.append(shown.model_copy(update=found))
        places.append(int(key))
    answers = np.array([place == pair.passage for place in places], dtype=bool)
    terms = len(query.sparse.indices)
    return Found(pair.kind, pair.question, passages, answers, terms, pair.held_out)


def _is_other(pair: Pair, gold: Passage, other: Passage) -> bool:
    if other.body[:200] == gold.body[:200]:
        return False
    return other.page != gold.page or pair.kind not in _ALONE
