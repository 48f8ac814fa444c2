"""How good a ranking is, and whether the difference of two rankings is more than chance."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from operator import attrgetter
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.core.text import Span
from eval.judged.sets import Question

TOP = 10
_DRAWS = 2000
_COVERAGE = 95.0  # percent of the draws within an interval
_DISCOUNTS = 1 / np.log2(np.arange(2, TOP + 2))

Floats = NDArray[np.float64]


class Place(NamedTuple):
    """Characters `[start, end)` of a document."""

    document: str
    start: int
    end: int


class Judge:
    """Scores what was found for a question.

    Args:
        chunks: The chunks of each document, in order: what a ranking of places is made of.
    """

    def __init__(self, chunks: Mapping[str, Sequence[Span]]) -> None:
        self._chunks = {
            document: [Place(document, span.start, span.end) for span in spans]
            for document, spans in chunks.items()
        }

    def ndcg(self, question: Question, found: Sequence[Place]) -> float:
        """Normalized discounted cumulative gain of the first ten, in [0, 1].

        What is ranked are documents, by their best passage (Järvelin & Kekäläinen, 2002; gains
        are the grades, as trec_eval takes them). Where places were judged, it is chunks, which
        gain 1 if they overlap one; a passage of several chunks counts as all of them, in order.
        """
        if question.spans:
            units: Iterable[Place] = chain.from_iterable(map(self._whole_chunks, found))
            gains = [float(_overlaps(question, unit)) for unit in dict.fromkeys(units)]
            (document,) = question.grades
            ideal = [1.0 for unit in self._chunks[document] if _overlaps(question, unit)]
        else:
            documents = dict.fromkeys(place.document for place in found)
            gains = [question.grades.get(document, 0.0) for document in documents]
            ideal = sorted(question.grades.values(), reverse=True)
        return _discounted(gains) / _discounted(ideal)

    def recall(self, question: Question, found: Sequence[Place]) -> float:
        """Share of the judged characters that the places cover, in [0, 1].

        As Smith & Troynikov, "Evaluating Chunking Strategies for Retrieval" (2024), define it.
        """
        (document,) = question.grades
        wanted: set[int] = set()
        for span in question.spans:
            wanted.update(range(span.start, span.end))
        covered: set[int] = set()
        for place in found:
            if place.document == document:
                covered.update(range(place.start, place.end))
        return len(wanted & covered) / len(wanted)

    def _whole_chunks(self, place: Place) -> list[Place]:
        chunks = self._chunks[place.document]
        first = bisect_right(chunks, place.start, key=attrgetter("end"))
        return chunks[first : bisect_left(chunks, place.end, key=attrgetter("start"))]


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean and where it lies in 95 of 100 repetitions."""

    mean: float
    low: float
    high: float

    @property
    def is_certain(self) -> bool:
        """Whether it is not 0."""
        return self.low > 0 or self.high < 0


def mean_over(values: Sequence[Floats], families: Sequence[str]) -> float:
    """The mean over sets; those of one family weigh as one."""
    return float(_weights(families) @ [rows.mean() for rows in values])


def interval(differences: Sequence[Floats], families: Sequence[str]) -> Interval:
    """The mean of paired differences over sets, with its bootstrap interval.

    Questions are drawn anew within each set (Efron & Tibshirani, 1993, percentile method).

    Args:
        differences: Of each set, one for each question.
        families: Of each set; see `mean_over`.
    """
    rng = np.random.default_rng(0)
    weights = _weights(families)
    drawn = np.zeros(_DRAWS)
    for weight, rows in zip(weights, differences, strict=True):
        drawn += weight * rows[rng.integers(len(rows), size=(_DRAWS, len(rows)))].mean(axis=1)
    edge = (100 - _COVERAGE) / 2
    low, high = np.percentile(drawn, [edge, 100 - edge])
    return Interval(mean_over(differences, families), float(low), float(high))


def _weights(families: Sequence[str]) -> Floats:
    sizes = {family: families.count(family) for family in families}
    return np.array([1 / (len(sizes) * sizes[family]) for family in families])


def _overlaps(question: Question, unit: Place) -> bool:
    return unit.document in question.grades and any(
        unit.start < span.end and unit.end > span.start for span in question.spans
    )


def _discounted(gains: Sequence[float]) -> float:
    first = np.array(gains[:TOP])
    return float(first @ _DISCOUNTS[: len(first)])
