"""Fit `app/models/ranking.json`: the final score, and whether a question is answered at all.

Every question has its best candidates by fusion, read by the bundled reader. The passage model
learns to put those that answer first (softmax over a question's list) and to say how likely
each is (logistic loss). The question model learns to tell questions whose passage is there from
the same questions with it taken away, and from look-alikes. Sets weigh the same, whatever their
size; every second question is kept apart to measure on.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.adapters.ranker import QUESTION, VOICES, WEIGHTS, Logistic, CalibratedRanker
from app.core.types import Passage, Reading

FOLDS = ("fit", "held_out")
_STEPS, _RATE, _DECAY = 600, 0.05, 1e-3
_POINTWISE = 0.5
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Case:
    """A question, its candidates in order of fusion, and what the reader said of them.

    Args:
        answers: Which passages answer it, shape (passages,).
        taken_out: Whether to make a case without those; else it stays as it is.
        held_out: Measured on, not fitted on.
    """

    kind: str
    question: str
    passages: Sequence[Passage]
    readings: Sequence[Reading]
    answers: NDArray[np.bool_]
    taken_out: bool
    held_out: bool


def fit_passages(ranker: CalibratedRanker, cases: Sequence[Case], depth: int) -> Logistic:
    """The model over VOICES."""
    import torch

    lists = [c for c in cases if not c.held_out and c.answers[:depth].any()]
    rows = [
        ranker.voices(c.question, c.passages[:depth], c.readings[:depth]) for c in lists
    ]  # fmt: skip
    every = np.concatenate(rows)
    mean, spread = every.mean(axis=0), every.std(axis=0) + 1e-6
    weight_of = _even_weights([c.kind for c in lists])
    sizes = [len(r) for r in rows]
    width = max(sizes)
    x = torch.zeros(len(rows), width, len(VOICES))
    y, mask = torch.zeros(len(rows), width), torch.zeros(len(rows), width)
    for number, (row, case) in enumerate(zip(rows, lists, strict=True)):
        x[number, : len(row)] = torch.tensor((row - mean) / spread, dtype=torch.float32)
        y[number, : len(row)] = torch.tensor(case.answers[: len(row)], dtype=torch.float32)
        mask[number, : len(row)] = 1
    weight = torch.tensor(weight_of, dtype=torch.float32)

    def loss(weights: Any, intercept: Any) -> Any:
        score = x @ weights + intercept
        others = torch.logsumexp(score.masked_fill((mask == 0) | (y > 0), -1e9), 1, keepdim=True)
        chosen = ((torch.logaddexp(score, others) - score) * y).sum(1) / y.sum(1)
        each = torch.nn.functional.binary_cross_entropy_with_logits(score, y, reduction="none")
        point = (each * mask).sum(1) / mask.sum(1)
        return (weight * (chosen + _POINTWISE * point)).sum()

    return _fitted(VOICES, loss, mean, spread)


def fit_questions(ranker: CalibratedRanker, rows: Floats, labels: NDArray[np.bool_], kinds: Sequence[str]) -> Logistic:
    """The model over QUESTION.

    Args:
        rows: Signs of judged questions, shape (questions, signs).
        labels: Whether each is answered.
    """
    import torch

    mean, spread = rows.mean(axis=0), rows.std(axis=0) + 1e-6
    x = torch.tensor((rows - mean) / spread, dtype=torch.float32)
    y = torch.tensor(labels, dtype=torch.float32)
    weight = torch.tensor(_even_weights(kinds), dtype=torch.float32)

    def loss(weights: Any, intercept: Any) -> Any:
        score = x @ weights + intercept
        each = torch.nn.functional.binary_cross_entropy_with_logits(score, y, reduction="none")
        return (weight * each).sum()

    return _fitted(QUESTION, loss, mean, spread)


def _fitted(
    names: tuple[str, ...], loss: Callable[[Any, Any], Any], mean: Floats, spread: Floats
) -> Logistic:
    import torch

    weights = torch.zeros(len(names), requires_grad=True)
    intercept = torch.zeros(1, requires_grad=True)
    optimizer = torch.optim.Adam([weights, intercept], lr=_RATE)
    for _ in range(_STEPS):
        total = loss(weights, intercept) + _DECAY * (weights**2).sum()
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
    found = weights.detach().numpy().astype(np.float64)
    return Logistic(names, float(intercept.detach()), found, mean, spread)


def _even_weights(kinds: Sequence[str]) -> list[float]:
    counts = {kind: list(kinds).count(kind) for kind in set(kinds)}
    return [1 / counts[kind] / len(counts) for kind in kinds]


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


def write(passage: Logistic, question: Logistic, report: dict[str, Any], file: Path = WEIGHTS) -> None:
    """Write the models with what was measured."""
    record = {"passage": record_of(passage), "question": record_of(question), **report}
    file.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
