"""The likeliest sentences, read again: each alone, and among its neighbours.

In a long passage much may be meant. Where the reader sees little else, it tells better which words
answer.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from app.core.ports import Reader
from app.core.text import Span
from app.core.types import Reading
from graphs.skills.places import Again, Likelihoods, probabilities

READ_AGAIN, WORTH = 3, 0.1
"""So many sentences at most; those that have at least this share of the probability. (All three
find no more answers, and cost twice as much.)"""
_UNNAMED = 1e-4
"""The probability of a place that is not among the few likeliest of its sentence."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence, alone and among its neighbours.

    Args:
        before: Characters of `around` in front of it.
    """

    alone: str
    around: str
    before: int

    @classmethod
    def of(cls, text: str, spans: Sequence[Span], number: int) -> Sentence:
        """One of a text's sentences."""
        span, first = spans[number], spans[max(number - 1, 0)]
        last = spans[min(number + 1, len(spans) - 1)]
        return cls(
            text[span.start : span.end], text[first.start : last.end], span.start - first.start
        )


@dataclass(frozen=True, slots=True)
class Candidate:
    """Words that may answer: where they stand in their sentence, and what is said for them."""

    sentence: Sentence
    words: Span
    said: Likelihoods


async def look_again(
    question: str, candidates: Sequence[Candidate], reader: Reader, *, worth: float = WORTH
) -> list[Likelihoods | None]:
    """What is said for each candidate now; None outside of the likeliest sentences.

    Args:
        worth: A sentence with a lesser share of the probability is not read again, unless it is
            the likeliest one.
    """
    shares: defaultdict[Sentence, float] = defaultdict(float)
    at_first = probabilities([one.said for one in candidates])
    for one, share in zip(candidates, at_first, strict=True):
        shares[one.sentence] += share
    ranked = sorted(shares, key=shares.__getitem__, reverse=True)[:READ_AGAIN]
    likeliest = [*ranked[:1], *(one for one in ranked[1:] if shares[one] >= worth)]
    views = [view for sentence in likeliest for view in (sentence.alone, sentence.around)]
    readings = iter(await reader.read(question, views))
    read = {sentence: (next(readings), next(readings)) for sentence in likeliest}
    return [
        one.said._replace(again=_again(one, *read[one.sentence])) if one.sentence in read else None
        for one in candidates
    ]


def shares_of(said: Sequence[Likelihoods | None]) -> list[float]:
    """The probability of each candidate among all; 0 where it was not looked at again."""
    shares = iter(probabilities([now for now in said if now]))
    return [next(shares) if now else 0.0 for now in said]


def _again(one: Candidate, alone: Reading, around: Reading) -> Again:
    start, end, before = one.words.start, one.words.end, one.sentence.before
    return Again(
        0.5 * (_said(alone, start, end) + _said(around, before + start, before + end)),
        0.5 * (alone.answerable + around.answerable),
        0.5 * (alone.relevance + around.relevance),
    )


def _said(reading: Reading, start: int, end: int) -> float:
    """The logarithm of a place's probability."""
    named = (p.confidence for p in reading.places if (p.start, p.end) == (start, end))
    return math.log(max(next(named, 0.0), _UNNAMED))
