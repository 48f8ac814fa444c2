"""What a metric says: of one question a measure, of a whole run a score."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict

from app.core.exchange import Failure
from app.core.types import Answer, Passage, Status
from eval.datasets import Question


class Measure(NamedTuple):
    """A value of one question, and how much it weighs in the mean over all.

    A `value` of None is undetermined: the check should have run and could not.
    """

    value: float | None
    weight: float = 1.0


Measures = Mapping[str, Measure]
"""Metric → measure; a metric that does not apply to a question is left out."""


class Score(BaseModel):
    """A metric over a run.

    Args:
        value: The weighted mean over what was determined; None when nothing was.
        count: How many questions (or nodes, pairs, …) the metric applies to.
        undetermined: How many of them have no value; they are not in the mean.
        note: What a reader has to know; why there is no value.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    value: float | None
    count: int
    undetermined: int = 0
    note: str = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question and all that came back.

    Args:
        answer: None when asking failed.
        passages: What retrieval alone found, best first.
        canonical: For each citation what stands at its span of the document's canonical
            text; None where there is no such span or document.
        wall_ms: Time of asking, as a caller sees it.
        error: What failed; empty when nothing did.
    """

    question: Question
    answer: Answer | None = None
    passages: Sequence[Passage] = ()
    canonical: Sequence[str | None] = ()
    wall_ms: float = 0.0
    error: str = ""

    @property
    def given(self) -> Answer | None:
        """The answer, if it claims to answer: an abstention claims nothing."""
        if self.answer is None or self.answer.status is Status.ABSTAINED:
            return None
        return self.answer


@dataclass(frozen=True, slots=True)
class Outcome:
    """All questions of a run, and the documents that could not be ingested."""

    asked: Sequence[Asked]
    failures: Sequence[Failure] = ()


def share(part: float, whole: float) -> Measure:
    """`part / whole`, weighing as much as the whole."""
    return Measure(part / whole, whole)


def aggregate(rows: Iterable[Measures]) -> dict[str, Score]:
    """The weighted mean of each metric over the questions that it applies to."""
    columns: dict[str, list[Measure]] = {}
    for row in rows:
        for name, measure in row.items():
            columns.setdefault(name, []).append(measure)
    return {name: _mean(measures) for name, measures in columns.items()}


def _mean(measures: Sequence[Measure]) -> Score:
    known = [(m.value, m.weight) for m in measures if m.value is not None]
    weight = sum(w for _, w in known)
    return Score(
        value=sum(v * w for v, w in known) / weight if weight else None,
        count=len(measures),
        undetermined=len(measures) - len(known),
    )
