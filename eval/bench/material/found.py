"""Figures of one contestant on one judged set, question by question."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from eval.judged.measures import Judge, Place
from eval.judged.sets import Question

_DIGITS = 5


class Figures:
    """Collects, in the order of the questions, what `record` gives."""

    def __init__(self, judge: Judge) -> None:
        self._judge = judge
        self._ndcg: list[float] = []
        self._recall: list[float] = []
        self._ms: list[float] = []

    def add(
        self, question: Question, found: Sequence[Place], best: Sequence[Place], ms: float
    ) -> None:
        """One question's outcome.

        Args:
            found: All places, best first.
            best: The few of which the recall is taken, where places were judged.
            ms: How long it took.
        """
        self._ndcg.append(round(self._judge.ndcg(question, found), _DIGITS))
        if question.spans:
            self._recall.append(round(self._judge.recall(question, best), _DIGITS))
        self._ms.append(round(ms, 3))

    def record(self) -> dict[str, Any]:
        """nDCG@10, recall of judged characters, and milliseconds of each question."""
        return {"ndcg": self._ndcg, "recall": self._recall, "ms": self._ms}
