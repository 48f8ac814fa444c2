"""Fit `app/models/fusion.json`: how much the vectors, how much the words have to say.

    python -m eval.training.fit_fusion DATA_FOLDER TEXTS_FOLDER CACHE_FOLDER

For every question the two lists are mixed in a share that a logistic model tells from them; it
is fitted so that each passage that answers stands above all that do not (softmax over the
list). Sets weigh the same; what is reported was measured on the other half of the questions.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.adapters.score_fusion import FEATURES, WEIGHTS, features, standard_scores
from eval.training.candidates import DEPTH, Found, collect

QUESTIONS = 400
_STEPS, _RATE, _DECAY, _FAR = 400, 0.05, 1e-3, 2.5
Floats = NDArray[np.float64]
Row = tuple[Floats, Floats, NDArray[np.bool_], Floats]


def main() -> None:
    """Collect, fit, measure, write."""
    found = collect(*map(Path, sys.argv[1:4]), most=QUESTIONS)
    record = fit([f for f in found if not f.held_out and f.answers.any()])
    record = {
        "model": record,
        "recipe": "python -m eval.training.fit_fusion",
        "date": datetime.now(UTC).date().isoformat(),
        "fitted_on": sorted({f.kind for f in found}),
    }
    WEIGHTS.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    sys.stdout.write(json.dumps(record, indent=2) + "\n")


def fit(found: Sequence[Found]) -> dict[str, Any]:
    """The model, as it is written."""
    import torch

    kinds = sorted({f.kind for f in found})
    sets = [_tensors([_row(f) for f in found if f.kind == kind]) for kind in kinds]
    every = torch.cat([one[4] for one in sets])
    mean, spread = every.mean(0), every.std(0) + 1e-6
    weights = torch.zeros(len(FEATURES), requires_grad=True)
    intercept = torch.zeros(1, requires_grad=True)
    scale = torch.ones(1, requires_grad=True)
    optimizer = torch.optim.Adam([weights, intercept, scale], lr=_RATE)
    for _ in range(_STEPS):
        losses = []
        for dense, bm25, answers, there, told in sets:
            share = torch.sigmoid(
                ((told - mean) / spread).clamp(-_FAR, _FAR) @ weights + intercept
            )[:, None]
            mixed = scale * (share * dense + (1 - share) * bm25)
            others = torch.logsumexp(
                mixed.masked_fill((there == 0) | (answers > 0), -1e9), 1, keepdim=True
            )
            chosen = ((torch.logaddexp(mixed, others) - mixed) * answers).sum(1)
            losses.append((chosen / answers.sum(1)).mean())
        total = torch.stack(losses).mean() + _DECAY * (weights**2).sum()
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
    return {
        "features": list(FEATURES),
        "intercept": round(float(intercept.detach()), 4),
        "weights": _rounded(weights.detach()),
        "mean": _rounded(mean),
        "spread": _rounded(spread),
    }


def _rounded(values: Any) -> list[float]:
    return [round(float(value), 5) for value in values]


def _row(found: Found) -> Row:
    """Standard scores of both searches, which passages answer, and the features."""
    keys = [str(number) for number in range(len(found.passages))]
    dense, bm25 = (
        dict(
            sorted(
                (
                    (key, score)
                    for key, p in zip(keys, found.passages, strict=True)
                    if (score := getattr(p.scores, name)) is not None
                ),
                key=lambda pair: -pair[1],
            )
        )
        for name in ("dense", "bm25")
    )
    if 0 < len(bm25) < DEPTH:
        bm25 |= {key: 0.0 for key in dense if key not in bm25}
    told = features(dense, bm25, found.terms)
    columns = []
    for scored in (dense, bm25):
        standard, missing = standard_scores(scored)
        columns.append(np.array([standard.get(key, missing) for key in keys]))
    return columns[0], columns[1], found.answers, told


def _tensors(rows: Sequence[Row]) -> Any:
    import torch

    width = max(len(row[0]) for row in rows)
    dense, bm25, answers, there = (torch.zeros(len(rows), width) for _ in range(4))
    for number, row in enumerate(rows):
        for table, values in zip((dense, bm25, answers), row[:3], strict=True):
            table[number, : len(values)] = torch.tensor(values, dtype=torch.float32)
        there[number, : len(row[0])] = 1
    told = torch.tensor(np.array([row[3] for row in rows]), dtype=torch.float32)
    return dense, bm25, answers, there, told


if __name__ == "__main__":
    main()
