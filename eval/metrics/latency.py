"""How long does an answer take, and where does the time go? Milliseconds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from eval.metrics.score import Outcome, Score

QUANTILES = {"p50": 0.5, "p95": 0.95}


def whole(outcome: Outcome) -> dict[str, Score]:
    """p50 and p95 over questions, for the whole answer and for each node."""
    answered = [asked for asked in outcome.asked if asked.answer]
    times: dict[str, list[float]] = {"latency": [asked.wall_ms for asked in answered]}
    for asked in answered:
        for node, ms in (asked.answer.timings_ms if asked.answer else {}).items():
            times.setdefault(f"latency.{node}", []).append(ms)
    return {
        f"{name}_{label}_ms": Score(value=quantile(values, q), count=len(values))
        for name, values in times.items()
        if values
        for label, q in QUANTILES.items()
    }


def quantile(values: Sequence[float], q: float) -> float:
    """The quantile, linear between neighbours."""
    return float(np.quantile(np.asarray(values), q))
