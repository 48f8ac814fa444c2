"""From every question's figures to means, differences and bars."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from eval.bench.result import Bar, Row
from eval.judged.measures import Floats, Interval, interval, mean_over

STAGES = {
    "bm25": "BM25",
    "dense": "dense",
    "rrf": "RRF, k = 60",
    "fusion": "fusion",
    "ranking": "whole ranking",
}
"""Footnote's stages by name: the searches alone, a plain fusion of them to compare with, the
service's own fusion, and all that its search does."""

_FUSION_GAIN, _FUSION_LOSS = 1.5, -0.5
_RANKING_GAIN, _RANKING_LOSS = 1.5, -0.3
_SCIFACT_GAIN = 1.0
_RECALL = 0.85


@dataclass(frozen=True, slots=True)
class Side:
    """One contestant on one set, question by question.

    Args:
        points: nDCG@10, times 100.
        recall: Share of the judged characters within the first five passages; empty where no
            places were judged.
        ms: Time of each search.
    """

    points: Floats
    recall: Floats
    ms: float

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Side:
        """Out of what a side's process gives."""
        recall = np.array(record["recall"], dtype=np.float64)
        return cls(100 * np.array(record["ndcg"]), recall, float(np.median(record["ms"])))


@dataclass(frozen=True, slots=True)
class Measured:
    """A set with the figures of Footnote's stages and of other libraries."""

    name: str
    family: str
    chunks: int
    stages: Mapping[str, Side]
    others: Mapping[str, Side]

    @classmethod
    def of(cls, name: str, ours: Mapping[str, Any], others: Mapping[str, Any]) -> Measured:
        """Out of what the processes give."""
        return cls(
            name,
            ours["family"],
            ours["chunks"],
            {stage: Side.of(record) for stage, record in ours["stages"].items()},
            {other: Side.of(record) for other, record in others.items()},
        )

    @property
    def questions(self) -> int:
        """How many were asked."""
        return len(self.stages["ranking"].points)

    @property
    def has_places(self) -> bool:
        """Whether places in texts were judged, and not texts as a whole."""
        return len(self.stages["ranking"].recall) > 0

    @property
    def better_alone(self) -> Floats:
        """Points of BM25 or dense search, whichever is better on this set."""
        alone = (self.stages["bm25"].points, self.stages["dense"].points)
        return max(alone, key=lambda points: float(points.mean()))


Pick = Callable[[Measured], Side]
"""One contestant of all."""
Points = Callable[[Measured], Floats]
"""Of each question of a set."""


def stage(name: str) -> Pick:
    """One of Footnote's stages."""
    return lambda one: one.stages[name]


def other(name: str) -> Pick:
    """Another library."""
    return lambda one: one.others[name]


def over(better: Pick, worse: Pick) -> Points:
    """By how many points one is ahead of the other."""
    return lambda one: better(one).points - worse(one).points


def _fusion_over_alone(one: Measured) -> Floats:
    return one.stages["fusion"].points - one.better_alone


_FUSION_OVER_RRF = over(stage("fusion"), stage("rrf"))
_RANKING_OVER_FUSION = over(stage("ranking"), stage("fusion"))

GAINS: Mapping[str, Points] = {
    "RRF over BM25": over(stage("rrf"), stage("bm25")),
    "RRF over dense": over(stage("rrf"), stage("dense")),
    "fusion over RRF": _FUSION_OVER_RRF,
    "fusion over the better of BM25 and dense": _fusion_over_alone,
    "ranking over fusion": _RANKING_OVER_FUSION,
}
"""What each stage adds."""


def mean(measured: Sequence[Measured], points: Points) -> float:
    """Over the sets, families weighing the same."""
    return mean_over(list(map(points, measured)), [one.family for one in measured])


def gain(measured: Sequence[Measured], points: Points) -> Interval:
    """A mean difference over the sets, with its interval."""
    return interval(list(map(points, measured)), [one.family for one in measured])


def of_texts(measured: Sequence[Measured]) -> list[Measured]:
    """The sets whose texts were judged as a whole, which alone count in a mean of nDCG@10.

    Where places were judged, it is the characters that count: a passage joined of several
    chunks has no one rank.
    """
    return [one for one in measured if not one.has_places]


def searched_by_all(measured: Sequence[Measured]) -> tuple[list[Measured], list[str]]:
    """Sets that other libraries searched too, and those of them that searched them all."""
    shared = [one for one in measured if one.others]
    names = shared[0].others if shared else {}
    return shared, [name for name in names if all(name in one.others for one in shared)]


def bars(measured: Sequence[Measured]) -> list[Bar]:
    """The limits, in points of nDCG@10 and as a share of the judged characters."""
    found: list[Bar] = []
    if texts := of_texts(measured):
        found += [
            *_bars("fusion over RRF", texts, _FUSION_OVER_RRF, least=_FUSION_GAIN),
            *_bars("fusion over BM25 or dense", texts, _fusion_over_alone, worst=_FUSION_LOSS),
            *_bars(
                "ranking over fusion",
                texts,
                _RANKING_OVER_FUSION,
                least=_RANKING_GAIN,
                worst=_RANKING_LOSS,
            ),
        ]
    for one in measured:
        if one.name == "scifact":
            more = float(_RANKING_OVER_FUSION(one).mean())
            found.append(Bar("ranking over fusion, scifact", more, _SCIFACT_GAIN, at_least=True))
        if one.has_places:
            recall = float(one.stages["ranking"].recall.mean())
            what = f"judged characters within the top 5, {one.name}"
            found.append(Bar(what, recall, _RECALL, at_least=True))
    return found


def _bars(
    what: str,
    measured: Sequence[Measured],
    points: Points,
    *,
    least: float | None = None,
    worst: float | None = None,
) -> list[Bar]:
    """The mean's and that of the set that loses most."""
    found = []
    if least is not None:
        found.append(Bar(f"{what}, mean", mean(measured, points), least, at_least=True))
    if worst is not None:
        value, name = min((float(points(one).mean()), one.name) for one in measured)
        found.append(Bar(f"{what}, worst set ({name})", value, worst, at_least=True))
    return found


def rows(measured: Sequence[Measured]) -> list[Row]:
    """Footnote against each library, on the sets that all of them searched: the fused search,
    which is what they do, and the whole ranking."""
    shared, others = searched_by_all(measured)
    found: list[Row] = []
    if not others:
        return found
    ms, fused = place(shared, stage("fusion"))
    _, ranked = place(shared, stage("ranking"))
    for name in others:
        other_ms, points = place(shared, other(name))
        found += [
            Row(f"fused, p50, {name}", "ms", ms, other_ms),
            Row(f"fused, nDCG@10, {name}", "points", fused, points, more_is_better=True),
            Row(f"whole ranking, nDCG@10, {name}", "points", ranked, points, more_is_better=True),
        ]
    return found


def place(measured: Sequence[Measured], pick: Pick) -> tuple[float, float]:
    """Mean milliseconds and mean points of a contestant."""
    points = mean(measured, lambda one: pick(one).points)
    return float(np.mean([pick(one).ms for one in measured])), points


def notes(measured: Sequence[Measured]) -> list[str]:
    """What a reader of the figures has to know."""
    plain, further = (
        np.mean([points(one).mean() for one in of_texts(measured) or measured])
        for points in (_FUSION_OVER_RRF, _RANKING_OVER_FUSION)
    )
    return [
        "a document is ranked by its best passage; means of nDCG@10 are over the sets whose texts "
        "were judged as a whole; sets of one family (translations) weigh as one "
        f"in a mean. With every set weighing the same: fusion over RRF {plain:+.2f}, ranking over "
        f"fusion {further:+.2f}",
        "times are of one search at a time, its question's encoding included; the libraries have "
        "their defaults, but for 50 passages of each search and an id by which they tell "
        "passages of the same words apart, which helps them",
    ]
