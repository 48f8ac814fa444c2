"""Metrics, one idea a file.

A file has `measure`, which looks at one question, or `whole`, which looks at all of them,
or both. To add a metric, write such a file and name it here.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from enum import StrEnum

from eval.metrics import abstention, answers, citations, errors, evidence, latency, retrieval
from eval.metrics.score import Asked, Measures, Outcome, Score


class Group(StrEnum):
    """What a suite can ask for."""

    RETRIEVAL = "retrieval"
    ANSWERS = "answers"
    CITATIONS = "citations"
    ABSTENTION = "abstention"
    EVIDENCE = "evidence"
    LATENCY = "latency"
    ERRORS = "errors"


PER_QUESTION: Mapping[Group, Callable[[Asked], Measures]] = {
    Group.RETRIEVAL: retrieval.measure,
    Group.ANSWERS: answers.measure,
    Group.CITATIONS: citations.measure,
    Group.ABSTENTION: abstention.measure,
    Group.EVIDENCE: evidence.measure,
}

OVER_ALL: Mapping[Group, Callable[[Outcome], dict[str, Score]]] = {
    Group.EVIDENCE: evidence.whole,
    Group.LATENCY: latency.whole,
    Group.ERRORS: errors.whole,
}


def measure(asked: Asked, groups: Collection[Group]) -> Measures:
    """All measures of one question."""
    found = [function(asked) for group, function in PER_QUESTION.items() if group in groups]
    return {name: value for measures in found for name, value in measures.items()}


def whole(outcome: Outcome, groups: Collection[Group]) -> dict[str, Score]:
    """All scores that are no means over questions."""
    found = [function(outcome) for group, function in OVER_ALL.items() if group in groups]
    return {name: value for scores in found for name, value in scores.items()}
