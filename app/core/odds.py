"""Probabilities and their log-odds, in which what several voices say is added up."""

from __future__ import annotations

import math
from collections.abc import Sequence

_LITTLE = 1e-4
_FAR = 6.0


def probability(logit: float) -> float:
    """The logistic function, by way of tanh, which cannot overflow."""
    return 0.5 + 0.5 * math.tanh(0.5 * logit)


def log_odds(share: float) -> float:
    """Of a probability, kept within what four digits tell."""
    kept = min(max(share, _LITTLE), 1 - _LITTLE)
    return math.log(kept / (1 - kept))


def best_and_lead(shares: Sequence[float]) -> tuple[float, float]:
    """The log-odds of the highest, and by how much it is ahead of the next: 0 if there is none."""
    ranked = sorted(map(log_odds, shares), reverse=True)
    return ranked[0], ranked[0] - ranked[1] if len(ranked) > 1 else 0.0


def bounded(logit: float) -> float:
    """Log-odds beyond which nothing is surer are cut off."""
    return min(max(logit, -_FAR), _FAR)
