"""Fit `app/models/ranking.json`: the final score, and whether a question is answered at all.

    python -m eval.training.fit_ranking DATA_FOLDER TEXTS_FOLDER CACHE_FOLDER

Every question has its best candidates by fusion, read by the bundled reader. The passage model
learns to put those that answer first (softmax over a question's list) and to say how likely
each is (logistic loss); sets weigh the same, whatever their size, unless they are very small.
The question model learns to tell questions whose passage is there from the same questions with
it taken away, and from look-alikes. Every second question is kept apart to measure on.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from copy import copy
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from app.adapters.ranker import (
    COMPARED,
    QUESTION,
    VOICES,
    WEIGHTS,
    CalibratedRanker,
    Logistic,
    probability,
)
from app.adapters.reader import BundledReader
from app.core.ports import Reader
from app.core.types import Passage, Reading
from eval.training.candidates import Found, collect

QUESTIONS = 240
DEPTH, SPARE = 16, 4
"""How many candidates are judged, and how many more are read to take their place."""
KEPT = 8
"""Of the best, that tell whether the question is answered."""
FEW = 100
"""Questions of a set, below which it weighs less than others: two do not speak for their kind."""
TELLING = ("clapnq", "docs_rag", "wice", "scifact", "search", "paragraph")
"""Sets where what answers a question stands in one place, so that it can be taken away."""
_STEPS, _RATE, _DECAY = 600, 0.05, 1e-4
_POINTWISE = 0.5
_TURNS = 3
_TOWARDS_PRIOR = 0.05
Floats = NDArray[np.float64]


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
    answered: bool
    held_out: bool


def main() -> None:
    """Collect, read, fit, measure, write."""
    found = collect(*map(Path, sys.argv[1:4]), most=QUESTIONS)
    cases = asyncio.run(_read_by_ours(found))
    passage = fit_passages(_blank(), cases)
    ranker = _blank(passage)
    told = [one for case in cases for one in tell(ranker, case)]
    question = fit_questions([one for one in told if not one.held_out])
    report = {
        "recipe": "python -m eval.training.fit_ranking",
        "date": datetime.now(UTC).date().isoformat(),
        "fitted_on": sorted({case.kind for case in cases}),
        "held_out": measure([one for one in told if one.held_out], question),
    }
    write(passage, question, report)
    sys.stdout.write(json.dumps(report, indent=2) + "\n")


async def _read_by_ours(found: Sequence[Found]) -> list[Case]:
    reader = BundledReader()
    try:
        return await read_all(found, CalibratedRanker.load(reader))
    finally:
        await reader.close()


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


def tell(ranker: CalibratedRanker, case: Case) -> Iterator[Told]:
    """The signs of a question with the passages that answer it, and of it without them."""
    if case.kind not in TELLING:
        return
    everything = np.ones(len(case.passages), dtype=bool)
    for chosen in (everything, ~case.answers):
        if not chosen.any() or (chosen is not everything and not case.answers.any()):
            continue
        kept = case.kept(chosen)
        answered = bool(kept.answers.any())
        yield Told(case.kind, signs_of(ranker, kept), answered, case.held_out)


def signs_of(ranker: CalibratedRanker, case: Case) -> Floats:
    """One row of QUESTION, of the best by the final score."""
    scores = ranker.passage.logits(ranker.voices(case.question, case.passages, case.readings))
    best = np.argsort(-scores)[:KEPT]
    judged = [
        case.passages[i].model_copy(update={"score": probability(float(scores[i]))}) for i in best
    ]
    return ranker.signs(case.question, judged, [case.readings[i] for i in best])


def measure(told: Sequence[Told], question: Logistic) -> dict[str, Any]:
    """How well answered questions are told from others, set by set and together."""
    said = np.array([probability(float(question.logits(t.signs[None, :])[0])) for t in told])
    true = np.array([t.answered for t in told])
    kinds = np.array([t.kind for t in told])
    return {
        "calibration_error": round(expected_calibration_error(said, true), 4),
        "auc": {
            kind: round(auc(said[kinds == kind], true[kinds == kind]), 3)
            for kind in sorted(set(kinds.tolist()))
        },
    }


def auc(scores: Floats, labels: NDArray[np.bool_]) -> float:
    """Area under the ROC curve: how often a positive stands above a negative."""
    above = scores[labels][:, None] - scores[~labels][None, :]
    return float((above > 0).mean() + 0.5 * (above == 0).mean())


def _blank(passage: Logistic | None = None) -> CalibratedRanker:
    """A ranker for its features, whose reader is never asked."""
    none, one = np.zeros(len(VOICES)), np.ones(len(VOICES))
    zero = Logistic(VOICES, 0.0, none, none, one)
    return CalibratedRanker(cast(Reader, _Nobody()), passage or zero, zero)


class _Nobody:
    name = "nobody"


def fit_passages(
    ranker: CalibratedRanker, cases: Sequence[Case], prior: Logistic | None = None
) -> Logistic:
    """The model over VOICES.

    What a passage's cluster says depends on the other voices' weights: fitted in turns.

    Args:
        prior: Weights that few questions are not to lead far away from.
    """
    for _ in range(_TURNS):
        passage = _fit_passages(ranker, cases, prior)
        ranker = copy(ranker)
        ranker.passage = passage
    return ranker.passage


def _fit_passages(
    ranker: CalibratedRanker, cases: Sequence[Case], prior: Logistic | None
) -> Logistic:
    import torch

    lists = [c for c in cases if not c.held_out and c.answers[:DEPTH].any()]
    rows = [
        ranker.voices(c.question, c.passages[:DEPTH], c.readings[:DEPTH]) for c in lists
    ]  # fmt: skip
    every = np.concatenate(rows)
    mean, spread = every.mean(axis=0), every.std(axis=0) + 1e-6
    if prior:
        mean, spread = prior.mean, prior.spread
    sizes = [len(r) for r in rows]
    width = max(sizes)
    x = torch.zeros(len(rows), width, len(VOICES))
    y, mask = torch.zeros(len(rows), width), torch.zeros(len(rows), width)
    for number, (row, case) in enumerate(zip(rows, lists, strict=True)):
        x[number, : len(row)] = torch.tensor((row - mean) / spread, dtype=torch.float32)
        y[number, : len(row)] = torch.tensor(case.answers[: len(row)], dtype=torch.float32)
        mask[number, : len(row)] = 1
    weight = torch.tensor(even_weights([c.kind for c in lists]), dtype=torch.float32)

    def loss(weights: Any, intercept: Any) -> Any:
        score = x @ weights + intercept
        others = torch.logsumexp(score.masked_fill((mask == 0) | (y > 0), -1e9), 1, keepdim=True)
        chosen = ((torch.logaddexp(score, others) - score) * y).sum(1) / y.sum(1)
        each = torch.nn.functional.binary_cross_entropy_with_logits(score, y, reduction="none")
        point = (each * mask).sum(1) / mask.sum(1)
        return (weight * (chosen + _POINTWISE * point)).sum()

    return _fitted(VOICES, loss, mean, spread, prior)


def fit_questions(told: Sequence[Told]) -> Logistic:
    """The model over QUESTION.

    A set weighs as the root of its size: a small one of another kind is heard, and most
    questions are still told as they are.
    """
    import torch

    rows = np.stack([one.signs for one in told])
    mean, spread = rows.mean(axis=0), rows.std(axis=0) + 1e-6
    x = torch.tensor((rows - mean) / spread, dtype=torch.float32)
    y = torch.tensor([float(one.answered) for one in told])
    sizes = Counter(one.kind for one in told)
    roots = torch.tensor([sizes[one.kind] ** -0.5 for one in told])
    weight = roots / roots.sum()

    def loss(weights: Any, intercept: Any) -> Any:
        score = x @ weights + intercept
        each = torch.nn.functional.binary_cross_entropy_with_logits(score, y, reduction="none")
        return (weight * each).sum()

    return _fitted(QUESTION, loss, mean, spread)


def _fitted(
    names: tuple[str, ...],
    loss: Callable[[Any, Any], Any],
    mean: Floats,
    spread: Floats,
    prior: Logistic | None = None,
) -> Logistic:
    import torch

    start = torch.zeros(len(names))
    intercept = torch.zeros(1, requires_grad=True)
    decay = _DECAY
    if prior:
        start = torch.tensor(prior.weights, dtype=torch.float32)
        intercept = torch.tensor([prior.intercept], requires_grad=True)
        decay = _TOWARDS_PRIOR
    weights = start.clone().requires_grad_()
    optimizer = torch.optim.Adam([weights, intercept], lr=_RATE)
    for _ in range(_STEPS):
        total = loss(weights, intercept) + decay * ((weights - start) ** 2).sum()
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        with torch.no_grad():
            weights.clamp_(min=0.0)  # no voice may speak against what it says
    found = weights.detach().numpy().astype(np.float64)
    return Logistic(names, float(intercept.detach()), found, mean, spread)


def even_weights(kinds: Sequence[str]) -> list[float]:
    """Of each question, 1 in all: all sets of at least FEW weigh the same, smaller ones less."""
    sizes = Counter(kinds)
    weights = [1 / max(sizes[kind], FEW) for kind in kinds]
    return [weight / sum(weights) for weight in weights]


def expected_calibration_error(said: Floats, true: NDArray[np.bool_], bins: int = 10) -> float:
    """Mean distance of what was said from what was so, over equal bins (Guo et al., 2017)."""
    places = np.minimum((said * bins).astype(int), bins - 1)
    return float(
        sum(
            abs(said[places == b].mean() - true[places == b].mean()) * (places == b).mean()
            for b in range(bins)
            if (places == b).any()
        )
    )


def record_of(model: Logistic) -> dict[str, Any]:
    """A model as it is written."""
    columns = {"weights": model.weights, "mean": model.mean, "spread": model.spread}
    return {
        "features": list(model.names),
        "intercept": round(model.intercept, 4),
        **{name: [round(float(v), 5) for v in column] for name, column in columns.items()},
    }


def write(
    passage: Logistic, question: Logistic, report: dict[str, Any], file: Path = WEIGHTS
) -> None:
    """Write the models with what was measured."""
    record = {"passage": record_of(passage), "question": record_of(question), **report}
    file.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
