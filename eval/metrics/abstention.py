"""Does it refuse what the documents do not answer, and only that?"""

from __future__ import annotations

from app.core.types import Status
from eval.metrics.score import Asked, Measure, Measures


def measure(asked: Asked) -> Measures:
    """1 for an abstention: wanted for an unanswerable question, unwanted otherwise.

    A question that failed has neither been refused nor answered.
    """
    refused = asked.answer is not None and asked.answer.status is Status.ABSTAINED
    kind = "answerable" if asked.question.answerable else "unanswerable"
    return {f"abstained_{kind}": Measure(float(refused))}
