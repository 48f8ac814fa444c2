"""Fit `app/models/sentence_scorer.json`: when does a sentence answer?

    python -m eval.training.fit_scorer DATA_FOLDER

Every sentence of a paragraph that answers a question is a row of features, labelled by whether
the answer stands in it. A logistic model is fitted on two thirds of the paragraphs and measured
on the rest by how often the sentence that it puts first is one of those.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.adapters.onnx_dense import BundledEncoder
from app.adapters.sentence_scorer import SENTENCE, WEIGHTS, Linear, SentenceScorer
from app.core.text import sentence_spans
from eval.training.questions import LICENCES, Question, read_questions

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Case:
    """The sentences of one paragraph: features, and which of them hold the answer."""

    rows: Floats
    labels: NDArray[np.bool_]
    held_out: bool


def main() -> None:
    """Fit, measure, write."""
    cases = asyncio.run(collect(read_questions(Path(sys.argv[1]))))
    fit_on = [case for case in cases if not case.held_out]
    rest = [case for case in cases if case.held_out]
    sentence = logistic(
        np.concatenate([c.rows for c in fit_on]), np.concatenate([c.labels for c in fit_on])
    )
    first = [bool(c.labels[sentence.logits(c.rows).argmax()]) for c in rest]
    record = {
        "sentence": record_of(SENTENCE, sentence),
        "recipe": "python -m eval.training.fit_scorer",
        "date": datetime.now(UTC).date().isoformat(),
        "data": LICENCES,
        "held_out": {"questions": len(rest), "first_sentence_answers": round(np.mean(first), 3)},
    }
    WEIGHTS.write_text(json.dumps(record, indent=2) + "\n")
    sys.stdout.write(json.dumps(record, indent=2) + "\n")


async def collect(questions: Sequence[Question]) -> list[Case]:
    """A case for each question whose paragraph has a sentence that answers, and one that not."""
    encoder = BundledEncoder()
    scorer = SentenceScorer(encoder, Linear(0.0, np.zeros(len(SENTENCE))))
    cases: list[Case] = []
    for question in questions:
        spans = sentence_spans(question.paragraph)
        labels = np.array([question.answered_in(span) for span in spans], dtype=bool)
        if labels.any() and not labels.all():
            units = [question.paragraph[s.start : s.end] for s in spans]
            contexts = [question.title] * len(units)
            rows = await scorer.features(question.text, units, contexts)
            cases.append(Case(rows, labels, question.held_out))
    await encoder.close()
    return cases


def logistic(rows: Floats, labels: NDArray[np.bool_], l2: float = 1.0) -> Linear:
    """Logistic regression by Newton's method."""
    x = np.column_stack([np.ones(len(rows)), rows])
    penalty = np.diag([0.0] + [l2] * rows.shape[1])
    beta = np.zeros(x.shape[1])
    for _ in range(60):
        said = 1 / (1 + np.exp(-x @ beta))
        curvature = said * (1 - said)
        gradient = x.T @ (labels - said) - penalty @ beta
        beta += np.linalg.solve((x * curvature[:, None]).T @ x + penalty, gradient)
    return Linear(float(beta[0]), beta[1:])


def record_of(names: Sequence[str], model: Linear) -> dict[str, Any]:
    """A model as it is written."""
    weights = {name: round(float(w), 4) for name, w in zip(names, model.weights, strict=True)}
    return {"intercept": round(model.intercept, 4), "weights": weights}


if __name__ == "__main__":
    main()
