"""Logistic models: a few named features in, a probability out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Logistic:
    """A logistic model: a weight for each named feature.

    Args:
        mean: Of each feature where it was fitted; likewise `spread`, its standard deviation.
    """

    names: tuple[str, ...]
    intercept: float
    weights: Floats
    mean: Floats
    spread: Floats

    def terms(self, rows: Floats) -> Floats:
        """What each feature adds to the log-odds: shape (rows, features)."""
        found: Floats = (rows - self.mean) / self.spread * self.weights
        return found

    def logits(self, rows: Floats) -> Floats:
        """Log-odds, shape (rows,)."""
        found: Floats = self.terms(rows).sum(axis=1) + self.intercept
        return found

    @classmethod
    def read(cls, record: Mapping[str, Any]) -> Logistic:
        """A model as the recipe wrote it."""
        columns = (np.array(record[name]) for name in ("weights", "mean", "spread"))
        return cls(tuple(record["features"]), record["intercept"], *columns)
