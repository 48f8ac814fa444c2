"""Questions made of texts by rule, to learn where answers stand and what only seems to be one.

Statements are turned into questions by their syntax (`syntax.py`), some of them about another
name or with the answering sentence taken out; search questions get the names that may answer
them (`named.py`). Passages are cut to the few sentences around the answer: less to read.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from app.adapters.onnx_dense import BundledEncoder
from app.adapters.sentence_scorer import SentenceScorer
from app.core.text import Span, sentence_spans
from eval.training.look_alikes import unanswerable
from eval.training.named import named_answers
from eval.training.pairs import Pair, Passage
from eval.training.syntax import parser, questions_of

SOURCES = ("nq", "halueval")
"""Encyclopedic texts, of which questions are made; a text of squad2 that is held out is none."""
MADE, ALTERED, TAKEN = 2.2, 0.7, 0.35
"""Questions made of a text, look-alikes made of them, and questions about what is taken out of
the text, each on average."""
_CHARS = 1600
_SEED = 7


def made(
    passages: Sequence[Passage], pairs: Sequence[Pair], *, altered: float = ALTERED
) -> list[Pair]:
    """Pairs of the kinds `syntax` and `named`; of what is held out there are none.

    Args:
        altered: Look-alikes made of a text, on average.
    """
    rng = np.random.default_rng(_SEED)
    kept = [pair for pair in pairs if not pair.held_out]
    held_out = {pair.passage for pair in pairs if pair.held_out}
    parse = parser()
    texts = [
        (place, p, parse(p.body[:_CHARS]))
        for place, p in enumerate(passages)
        if place not in held_out and p.source in SOURCES
    ]
    found = list(_made(texts, altered, rng))
    named = asyncio.run(_named(kept, {place: doc for place, _, doc in texts}))
    return found + [cut(pair, rng) for pair in named]


def _made(
    texts: Sequence[tuple[int, Passage, Any]], altered: float, rng: np.random.Generator
) -> Iterator[Pair]:
    """Questions made of each text, some altered, some with their sentence taken out."""
    names: dict[str, list[str]] = defaultdict(list)
    for _, _, doc in texts:
        for entity in doc.ents:
            names[entity.label_].append(entity.text)
    for place, passage, doc in texts:
        found = questions_of(doc, rng, passage.context)
        shares = [min(1.0, share / max(len(found), 1)) for share in (MADE, altered, TAKEN)]
        for made in found:
            shown = replace(passage, context=passage.context if rng.random() < 0.5 else "")
            pair = Pair("syntax", made.question, place, shown, (made.answer,))
            if rng.random() < shares[0]:
                yield cut(pair, rng)
            if rng.random() < shares[1]:
                other = unanswerable(made, doc, names, rng)
                if other:
                    yield cut(replace(pair, question=other.question, answerable=False), rng)
            if rng.random() < shares[2]:
                yield _without(pair, rng)


def cut(pair: Pair, rng: np.random.Generator) -> Pair:
    """The pair with its answer's sentence and up to two on either side; whole if unmarked."""
    if not pair.spans:
        return pair
    body, answer = pair.shown.body, pair.spans[int(rng.integers(len(pair.spans)))]
    sentences = sentence_spans(body)
    holding = [i for i, s in enumerate(sentences) if s.start <= answer.start < s.end]
    if not holding:
        return pair
    first = max(0, holding[0] - int(rng.integers(3)))
    last = min(len(sentences) - 1, holding[0] + int(rng.integers(3)))
    start, end = sentences[first].start, sentences[last].end
    spans = tuple(
        Span(s.start - start, s.end - start)
        for s in pair.spans
        if start <= s.start and s.end <= end
    )
    return replace(pair, shown=replace(pair.shown, body=body[start:end]), spans=spans)


def _without(pair: Pair, rng: np.random.Generator) -> Pair:
    """The pair with the answer's sentence taken out: what is left does not answer."""
    body, answer = pair.shown.body, pair.spans[0]
    sentences = sentence_spans(body)
    place = next((i for i, s in enumerate(sentences) if s.start <= answer.start < s.end), 0)
    near = [s for i, s in enumerate(sentences) if i != place and abs(i - place) <= 2]
    left = " ".join(body[s.start : s.end].strip() for s in near)
    shown = replace(pair.shown, body=left)
    return replace(pair, shown=shown, spans=(), answerable=False)


async def _named(pairs: Sequence[Pair], docs: dict[int, Any]) -> list[Pair]:
    """Search questions with the names that may answer."""
    encoder = BundledEncoder()
    scorer = SentenceScorer.load(encoder)
    found = []
    try:
        for pair in pairs:
            if pair.kind == "search" and pair.passage in docs:
                doc = docs[pair.passage]
                spans = await named_answers(pair.question, doc, pair.shown.context, scorer)
                if spans:
                    found.append(replace(pair, kind="named", spans=tuple(spans), negatives=()))
    finally:
        await encoder.close()
    return found
