"""Whether one way to rank is better than another, beyond chance, on questions held out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.adapters.ranker import CalibratedRanker
from eval.training.cases import DEPTH, Case

LIKELIHOOD = 0.05
"""Of a gain as large by chance alone, below which it is believed."""
LEAST = 0.005
"""Gain in nDCG@10 that is worth another model: it is measured on questions made by rule, of
which a smaller one need not come to anything with readers' own."""
_FLIPS = 10_000
_TOP = 10
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Verdict:
    """Two rankings compared.

    Args:
        questions: How many were asked.
        old: Mean nDCG@10 of the ranking in use, in [0, 1].
        new: Of the other one.
        p: How likely chance alone makes such a gain.
    """

    questions: int
    old: float
    new: float
    p: float

    @property
    def better(self) -> bool:
        """Whether the new one is to be kept."""
        return not self.against

    @property
    def against(self) -> str:
        """Why the new one is not to be kept; empty if it is."""
        if self.new <= self.old or self.p >= LIKELIHOOD:
            return f"is not better beyond chance (p < {LIKELIHOOD})"
        if self.new - self.old < LEAST:
            return f"gains less than {LEAST}, too little to count on"
        return ""


def compare(old: Floats, new: Floats) -> Verdict:
    """By a one-sided paired permutation test: signs of the differences are flipped at random.

    Args:
        old: Gains of each question, shape (questions,); likewise `new`.
    """
    apart = new - old
    rng = np.random.default_rng(0)
    reached = sum(
        float((rng.choice((-1.0, 1.0), len(apart)) @ apart) >= apart.sum() - 1e-12)
        for _ in range(_FLIPS)
    )
    p = (1 + reached) / (1 + _FLIPS)
    return Verdict(len(apart), float(old.mean()), float(new.mean()), round(p, 5))


def gains(ranker: CalibratedRanker, cases: Sequence[Case]) -> Floats:
    """nDCG@10 of each case by the final score; each has one right passage, or lost it before."""
    found = []
    for case in cases:
        rows = ranker.voices(case.question, case.passages[:DEPTH], case.readings[:DEPTH])
        order = np.argsort(-ranker.passage.logits(rows), kind="stable")
        rank = np.flatnonzero(case.answers[:DEPTH][order])
        found.append(1 / np.log2(rank[0] + 2) if len(rank) and rank[0] < _TOP else 0.0)
    return np.array(found)
