"""Fusion by scores: each search's scores centred and scaled, then mixed.

How much the vectors and how much the words have to say differs from question to question. A
small logistic model tells it from the two lists alone: whether they agree, and how far the
first stand out. It was fitted on public data by `eval/training/fit_fusion.py`.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app.adapters.bundled import REINSTALL
from app.core.errors import ConfigError

WEIGHTS = Path(__file__).parent.parent / "models" / "fusion.json"
FEATURES = (
    "overlap", "dense_top", "dense_spread", "bm25_spread", "dense_drop", "bm25_drop", "bm25_term",
)  # fmt: skip
_TOP = 10
_FAR = 2.5  # standard deviations, beyond which a feature says no more
_EPSILON = 1e-9
_HARDLY = 1e-3
_SIGMAS = 3  # of distribution-based fusion
Floats = NDArray[np.float64]
Scored = Mapping[str, float]
"""Scores by id, best first."""


def standard_scores(found: Scored) -> tuple[Scored, float]:
    """Scores in standard deviations from their mean, and what an id has that was not found.

    What was not found is taken for hardly worse than the last that was.
    """
    values = np.fromiter(found.values(), dtype=np.float64)
    if not len(values):
        return {}, 0.0
    scaled = (values - values.mean()) / (values.std() + _EPSILON)
    return dict(zip(found, scaled.tolist(), strict=True)), float(scaled.min()) - _HARDLY


def distribution_scores(found: Scored) -> tuple[Scored, float]:
    """Scores between three standard deviations below and above their mean, as [0, 1].

    The distribution-based score fusion of Qdrant and others; what was not found has 0.
    """
    values = np.fromiter(found.values(), dtype=np.float64)
    if not len(values):
        return {}, 0.0
    spread = values.std() + _EPSILON
    scaled = np.clip(0.5 + (values - values.mean()) / (2 * _SIGMAS * spread), 0, 1)
    return dict(zip(found, scaled.tolist(), strict=True)), 0.0


def dense_share(dense: Scored, bm25: Scored, terms: int) -> float:
    """How much of the mix is the vectors', in [0, 1]; the rest is the words'.

    Args:
        dense: Cosines, best first.
        bm25: BM25 scores, best first.
        terms: How many terms the question has.
    """
    model = _model()
    far = np.clip((features(dense, bm25, terms) - model.mean) / model.spread, -_FAR, _FAR)
    return float(1 / (1 + np.exp(-(far @ model.weights + model.intercept))))


def features(dense: Scored, bm25: Scored, terms: int) -> Floats:
    """One row of FEATURES: of lists that are empty or short, zeros."""
    cosines = np.fromiter(dense.values(), dtype=np.float64)
    scores = np.fromiter(bm25.values(), dtype=np.float64)
    agreed = set(list(dense)[:_TOP]) & set(list(bm25)[:_TOP])
    row = [len(agreed) / _TOP, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]
    if len(cosines):
        row[1] = cosines[0]
        row[2] = (cosines[0] - cosines.mean()) / (cosines.std() + _EPSILON) / 5
        row[4] = cosines[0] - cosines[min(_TOP, len(cosines)) - 1]
    if len(scores) > 1:
        row[3] = (scores[0] - scores.mean()) / (scores.std() + _EPSILON) / 5
        row[5] = (scores[0] - scores[min(_TOP, len(scores)) - 1]) / (scores[0] + _EPSILON)
        row[6] = scores[0] / max(terms, 1) / 5
    return np.array(row)


class _Model:
    def __init__(self, record: Mapping[str, Sequence[float] | float]) -> None:
        self.intercept = float(record["intercept"])  # type: ignore[arg-type]
        self.weights, self.mean, self.spread = (
            np.array(record[name], dtype=np.float64) for name in ("weights", "mean", "spread")
        )


@functools.cache
def _model() -> _Model:
    try:
        return _Model(json.loads(WEIGHTS.read_text(encoding="utf-8"))["model"])
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise ConfigError("the fusion's file is damaged", hint=REINSTALL) from error
