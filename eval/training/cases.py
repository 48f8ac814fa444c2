"""What the final score is fitted on: questions, and what was found for them and read in it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from app.adapters.answered import signs
from app.adapters.ranker import COMPARED, CalibratedRanker
from app.core.odds import probability
from app.core.types import Passage, Reading, Seen
from eval.training.candidates import Found

DEPTH, SPARE = 16, 4
"""How many candidates are judged, and how many more are read to take their place."""
KEPT = 8
"""Of the best, that tell whether the question is answered."""
TELLING = ("clapnq", "docs_rag", "wice", "scifact", "search", "paragraph")
"""Sets where what answers a question stands in one place, so that it can be taken away."""
LOOK_ALIKES = "paragraph"
"""The set whose questions, where they have no answer, only seem to have one."""
Outcome = Literal["answered", "absent", "unsaid"]
"""Whether the passage that answers was found; else whether nothing is about the question, or what
is about it does not say it."""
Floats = NDArray[np.float64]
Look = Callable[[Sequence[Passage], str], Awaitable[Seen]]
"""What is seen in judged passages, for a question."""


@dataclass(frozen=True, slots=True)
class Case:
    """A question, its candidates, most promising first, and what the reader said of them.

    Args:
        answers: Which passages answer it, shape (passages,).
        held_out: Measured on, not fitted on.
    """

    kind: str
    question: str
    passages: Sequence[Passage]
    readings: Sequence[Reading]
    answers: NDArray[np.bool_]
    held_out: bool

    def kept(self, chosen: NDArray[np.bool_]) -> Case:
        """The case with some of its candidates."""
        places = np.flatnonzero(chosen)[:DEPTH]
        return Case(
            self.kind,
            self.question,
            [self.passages[i] for i in places],
            [self.readings[i] for i in places],
            self.answers[places],
            self.held_out,
        )


@dataclass(frozen=True, slots=True)
class Told:
    """Signs of one question, and whether it is answered by what was found."""

    kind: str
    signs: Floats
    outcome: Outcome
    held_out: bool


async def read_all(found: Sequence[Found], ranker: CalibratedRanker) -> list[Case]:
    """The best candidates of each question, read by the ranker's models."""
    cases: list[Case] = []
    for one in found:
        candidates = one.passages[:COMPARED]
        if candidates:
            passages = ranker.promising(candidates)[: DEPTH + SPARE]
            answers = one.answers[[candidates.index(passage) for passage in passages]]
            readings = await ranker.read(one.question, passages)
            cases.append(Case(one.kind, one.question, passages, readings, answers, one.held_out))
    return cases


async def tell(ranker: CalibratedRanker, case: Case, look: Look) -> list[Told]:
    """The signs of a question with the passages that answer it, and of it without them."""
    if case.kind not in TELLING:
        return []
    found: list[Told] = []
    everything = np.ones(len(case.passages), dtype=bool)
    for chosen in (everything, ~case.answers):
        if not chosen.any() or (chosen is not everything and not case.answers.any()):
            continue
        kept = case.kept(chosen)
        best = best_of(ranker, kept)
        told = signs(best, await look(best, case.question))
        found.append(Told(case.kind, told, _outcome(case, kept), case.held_out))
    return found


def _outcome(case: Case, kept: Case) -> Outcome:
    if kept.answers.any():
        return "answered"
    return "unsaid" if case.kind == LOOK_ALIKES and not case.answers.any() else "absent"


def best_of(ranker: CalibratedRanker, case: Case) -> list[Passage]:
    """The best by the final score, which they have then."""
    scores = ranker.passage.logits(ranker.voices(case.question, case.passages, case.readings))
    best = np.argsort(-scores)[:KEPT]
    return [
        case.passages[i].model_copy(
            update={
                "score": probability(float(scores[i])),
                "scores": case.passages[i].scores.model_copy(
                    update={"rerank": probability(case.readings[i].relevance)}
                ),
            }
        )
        for i in best
    ]
