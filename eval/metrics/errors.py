"""What failed outright."""

from __future__ import annotations

from eval.metrics.score import Outcome, Score


def whole(outcome: Outcome) -> dict[str, Score]:
    """How many questions and documents failed."""
    failed = sum(bool(asked.error) for asked in outcome.asked) + len(outcome.failures)
    return {"errors": Score(value=failed, count=len(outcome.asked))}
