"""Fitting the two models of the final score: of passages, and of whether a question is answered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from copy import copy
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.adapters.answered import ABOUT, SAID, Answered
from app.adapters.logistic import Logistic
from app.adapters.ranker import VOICES, CalibratedRanker
from eval.training.cases import DEPTH, Case, Outcome, Told

FEW = 100
"""Questions of a set, below which it weighs less than others: two do not speak for their kind."""
_STEPS, _RATE, _DECAY = 600, 0.05, 1e-4
_POINTWISE = 0.5
_TURNS = 3
_TOWARDS_PRIOR = 0.05
SHARES: dict[Outcome, float] = {"answered": 0.5, "absent": 0.25, "unsaid": 0.25}
"""Of the questions, where nothing is known of those that will be asked."""
Floats = NDArray[np.float64]


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


def fit_questions(told: Sequence[Told]) -> Answered:
    """The model of whether a question is answered, as a softmax over the outcomes."""
    import torch

    rows = np.stack([one.signs for one in told])
    mean, spread = np.nanmean(rows, axis=0), np.nanstd(rows, axis=0) + 1e-6
    x = torch.tensor(np.nan_to_num((rows - mean) / spread), dtype=torch.float32)
    y = torch.tensor([list(SHARES).index(one.outcome) for one in told])
    weight = torch.tensor(shared_weights(told), dtype=torch.float32)
    parts = slice(len(ABOUT)), slice(len(ABOUT), None)

    def loss(weights: Any, intercepts: Any) -> Any:
        against = [x[:, part] @ weights[part] + intercepts[n] for n, part in enumerate(parts)]
        scores = torch.stack([torch.zeros(len(x)), *(-said for said in against)], dim=1)
        each = torch.nn.functional.cross_entropy(scores, y, reduction="none")
        return (weight * each).sum()

    weights, intercepts = _descended(loss, torch.zeros(rows.shape[1]), torch.zeros(2), _DECAY)
    about, said = (
        Logistic(names, float(intercept), weights[part], mean[part], spread[part])
        for names, intercept, part in zip((ABOUT, SAID), intercepts, parts, strict=True)
    )
    return Answered(about, said)


def shared_weights(told: Sequence[Told]) -> Floats:
    """Of each question, 1 in all: every outcome has its share of SHARES.

    Within it a set weighs as the root of its size: a small one of another kind is heard, and most
    questions are still told as they are.
    """
    sizes = Counter(one.kind for one in told)
    roots = np.array([sizes[one.kind] ** -0.5 for one in told])
    outcomes = np.array([one.outcome for one in told])
    for outcome, share in SHARES.items():
        roots[outcomes == outcome] *= share / max(roots[outcomes == outcome].sum(), 1e-9)
    weights: Floats = roots / roots.sum()
    return weights


def _fitted(
    names: tuple[str, ...],
    loss: Callable[[Any, Any], Any],
    mean: Floats,
    spread: Floats,
    prior: Logistic | None = None,
) -> Logistic:
    import torch

    start, intercept, decay = torch.zeros(len(names)), torch.zeros(1), _DECAY
    if prior:
        start = torch.tensor(prior.weights, dtype=torch.float32)
        intercept, decay = torch.tensor([prior.intercept]), _TOWARDS_PRIOR
    weights, found = _descended(loss, start, intercept, decay)
    return Logistic(names, float(found[0]), weights, mean, spread)


def _descended(
    loss: Callable[[Any, Any], Any], start: Any, intercepts: Any, decay: float
) -> tuple[Floats, Floats]:
    """Weights, not far from the start, and intercepts, where the loss is least."""
    import torch

    weights, others = (t.clone().float().requires_grad_() for t in (start, intercepts))
    optimizer = torch.optim.Adam([weights, others], lr=_RATE)
    for _ in range(_STEPS):
        total = loss(weights, others) + decay * ((weights - start) ** 2).sum()
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        with torch.no_grad():
            weights.clamp_(min=0.0)  # no voice may speak against what it says
    found, free = (t.detach().numpy().astype(np.float64) for t in (weights, others))
    return found, free


def even_weights(kinds: Sequence[str]) -> list[float]:
    """Of each question, 1 in all: all sets of at least FEW weigh the same, smaller ones less."""
    sizes = Counter(kinds)
    weights = [1 / max(sizes[kind], FEW) for kind in kinds]
    return [weight / sum(weights) for weight in weights]


def record_of(model: Logistic) -> dict[str, Any]:
    """A model as it is written."""
    columns = {"weights": model.weights, "mean": model.mean, "spread": model.spread}
    return {
        "features": list(model.names),
        "intercept": round(model.intercept, 4),
        **{name: [round(float(v), 5) for v in column] for name, column in columns.items()},
    }


def question_record(model: Answered) -> dict[str, Any]:
    """Both models of whether a question is answered, as they are written."""
    return {"about": record_of(model.about), "said": record_of(model.said)}
