"""Gates: bounds that must hold for a change to ship.

A metric that was not measured, or that lacks a value for more of its questions than the
bound allows, does not hold: a check that fails to run never counts as passed.

A gate here is a bound on one number. Statistical gates (paired tests against a baseline,
sequential tests) belong next to `judge`: rows of a report keep every measure by question,
which is all that they need.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict

from eval.metrics.score import Score
from eval.suite import Bound

_ROUNDING = 1e-9  # 31/32 as a mean of floats is not 31/32 to the last bit


class Gate(BaseModel):
    """A gate after the run. `why` is empty when it holds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    metric: str
    bound: str
    value: float | None
    undetermined: int = 0
    held: bool
    why: str = ""


def judge_all(bounds: Mapping[str, Bound], scores: Mapping[str, Score]) -> list[Gate]:
    """All gates, in the order of the suite."""
    return [judge(metric, bound, scores.get(metric)) for metric, bound in bounds.items()]


def judge(metric: str, bound: Bound, score: Score | None) -> Gate:
    """One gate."""
    why = _fault(bound, score)
    return Gate(
        metric=metric,
        bound=describe(bound),
        value=score.value if score else None,
        undetermined=score.undetermined if score else 0,
        held=not why,
        why=why,
    )


def describe(bound: Bound) -> str:
    """The bound, fit to be read: `≥ 0.9688`."""
    least = [] if bound.min is None else [f"≥ {bound.min:.4g}"]
    return ", ".join(least if bound.max is None else [*least, f"≤ {bound.max:.4g}"])


def _fault(bound: Bound, score: Score | None) -> str:
    """Why a gate does not hold; empty when it does."""
    if score is None:
        return "it was not measured"
    value = score.value
    if value is None or not math.isfinite(value):
        return score.note or "it has no value"
    if score.undetermined > bound.max_undetermined * score.count + _ROUNDING:
        return f"{score.undetermined} of {score.count} are undetermined"
    if bound.min is not None and value < bound.min - _ROUNDING:
        return "too low"
    if bound.max is not None and value > bound.max + _ROUNDING:
        return "too high"
    return ""
