"""How well a probability tells what is so from what is not."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def auc(positive: Sequence[float], negative: Sequence[float]) -> float:
    """Area under the ROC curve: how often a positive stands above a negative; a tie is half."""
    difference = np.subtract.outer(positive, negative)
    return float((difference > 0).mean() + 0.5 * (difference == 0).mean())


def expected_calibration_error(
    said: NDArray[np.float64],
    true: NDArray[np.bool_],
    weights: NDArray[np.float64] | None = None,
    bins: int = 10,
) -> float:
    """Mean distance of what was said from what was so, over equal bins (Guo et al., 2017).

    Args:
        weights: How much each counts; the same where none are given.
    """
    places = np.minimum((said * bins).astype(int), bins - 1)
    surplus = np.bincount(places, weights=(said - true) * (1.0 if weights is None else weights))
    return float(np.abs(surplus).sum() / (len(said) if weights is None else weights.sum()))
