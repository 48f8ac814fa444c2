"""Whether a question is answered by what was found, told from signs of the best passages.

There are two ways in which it may not be: nothing is about it, or what is about it does not say
it. They exclude each other, so a model of each is weighed against the answer, as in a softmax over
three. (One logistic model for both has to choose: a passage that is clearly about the question
speaks against the first way, and says nothing of the second.) `eval/training/fit_ranking.py` fits
both.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.adapters.logistic import Logistic
from app.core.odds import best_and_lead, bounded
from app.core.types import Passage, Seen

ABOUT, SAID = ("best", "lead", "sentence", "sentence_lead"), ("again",)
"""Signs that something is about the question, and that it says what was asked."""
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Answered:
    """The probability that a question is answered.

    Args:
        about: Over ABOUT: log-odds of an answer against there being nothing about the question.
        said: Over SAID: likewise against its not being said.
    """

    about: Logistic
    said: Logistic

    def told(self, row: Floats) -> float:
        """Of one row of ABOUT and SAID; a sign that is NaN was not given, and adds nothing."""
        doubts = 0.0
        for part, model in ((row[: len(ABOUT)], self.about), (row[len(ABOUT) :], self.said)):
            given = np.where(np.isnan(part), model.mean, part)
            doubts += math.exp(-float(model.logits(given[None, :])[0]))
        return 1 / (1 + doubts)

    @classmethod
    def read(cls, record: Mapping[str, Any]) -> Answered:
        """A model as the recipe wrote it."""
        return cls(Logistic.read(record["about"]), Logistic.read(record["said"]))


def signs(passages: Sequence[Passage], seen: Seen) -> Floats:
    """One row of ABOUT and SAID, of judged passages; NaN for what is not known."""
    return np.array(
        [
            *best_and_lead([passage.score for passage in passages]),
            *(math.nan if said is None else bounded(said) for said in seen),
        ]
    )
