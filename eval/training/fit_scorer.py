"""Fit `app/models/sentence_scorer.json`: when does a sentence, a passage, answer?

    python -m eval.training.fit_scorer DATA_FOLDER

Every question searches the passages of its set by embedding; for every second question
the passages that answer it have been taken away. Of the eight found, each sentence and
each passage becomes a row of features. Two logistic models are fitted on two thirds of the
questions, the kinds of text weighing the same, and measured on the rest:

1. sentences, labelled by whether they hold the answer;
2. passages, by their best sentence and by what the others offer, scaled so that 0.5 is
   the line between questions that are answered and questions that are not.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.adapters.onnx_dense import BundledEncoder
from app.adapters.sentence_scorer import PASSAGE, SENTENCE, WEIGHTS, Linear, SentenceScorer
from app.core.text import sentence_spans
from eval.training.questions import LICENCES, Question, Set, read_sets, training_chunker

FOUND, POOL, KEPT = 8, 40, 0.985
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Case:
    """What one question found.

    `sentences` holds, for each passage, the features of its sentences; `labels` which of
    them hold the answer, or None where nobody said; `gold` which passages answer.
    """

    kind: str
    held_out: bool
    sentences: Sequence[Floats]
    labels: Sequence[NDArray[np.bool_]] | None
    coverage: Floats
    question: float
    gold: NDArray[np.bool_]


def main() -> None:
    """Fit, measure, write."""
    cases = asyncio.run(collect(read_sets(Path(sys.argv[1]))))
    fit_on = [case for case in cases if not case.held_out]
    rest = [case for case in cases if case.held_out]
    sentence = fit_sentences(fit_on)
    passage = fit_passages(fit_on, sentence)
    record = {
        "sentence": record_of(SENTENCE, sentence),
        "passage": record_of(PASSAGE, passage),
        "recipe": "python -m eval.training.fit_scorer",
        "date": datetime.now(UTC).date().isoformat(),
        "data": LICENCES,
        "held_out": measure(rest, sentence, passage),
        "keeps": {str(KEPT): round(threshold(fit_on, sentence, passage), 3)},
    }
    WEIGHTS.write_text(json.dumps(record, indent=2) + "\n")
    sys.stdout.write(json.dumps(record, indent=2) + "\n")


async def collect(sets: Sequence[Set]) -> list[Case]:
    """Search for every question and look at what it finds."""
    encoder, chunker = BundledEncoder(), training_chunker()
    scorer = SentenceScorer(encoder, Linear.zero(SENTENCE), Linear.zero(PASSAGE))
    cases: list[Case] = []
    for each in sets:
        vectors = await encoder.encode(
            [chunker.embedding_text(p.title, p.chunk) for p in each.passages]
        )
        asked = await encoder.encode([question.text for question in each.questions])
        order = np.argsort(-(asked @ vectors.T), axis=1)[:, :POOL]
        sys.stderr.write(f"{each.name}: {len(vectors)} passages, {len(asked)} questions\n")
        for number, (question, found) in enumerate(zip(each.questions, order, strict=True)):
            gone = question.answers_in if number % 2 else frozenset()
            kept = [int(i) for i in found if int(i) not in gone][:FOUND]
            case = await look(scorer, each, question, kept)
            if case:
                cases.append(case)
    await encoder.close()
    return cases


async def look(
    scorer: SentenceScorer, each: Set, question: Question, kept: Sequence[int]
) -> Case | None:
    """The case of one question; None when nothing that it found has a sentence."""
    texts, sentences, labels, gold = [], [], [], []
    for index in kept:
        passage = each.passages[index]
        text = passage.chunk.text
        spans = sentence_spans(text)
        if not spans:
            continue
        units = [text[s.start : s.end] for s in spans]
        contexts = [passage.context] * len(units)
        sentences.append(await scorer.features(question.text, units, contexts))
        labels.append(np.array([question.holds(index, passage.chunk, s) for s in spans]))
        texts.append(f"{passage.context}\n{text}")
        gold.append(question.answerable and index in question.answers_in)
    if not texts:
        return None
    coverage, wanted = scorer.rare_coverage(question.text, texts)
    known = question.labelled
    return Case(
        each.kind, question.held_out, sentences, labels if known else None, coverage, wanted,
        np.array(gold),
    )  # fmt: skip


def fit_sentences(cases: Sequence[Case]) -> Linear:
    """Which sentences hold the answer."""
    labelled = [case for case in cases if case.labels is not None]
    rows = np.concatenate([rows for case in labelled for rows in case.sentences])
    labels = np.concatenate([found for case in labelled for found in case.labels or ()])
    return logistic(rows, labels, np.ones(len(rows)))


def fit_passages(cases: Sequence[Case], sentence: Linear) -> Linear:
    """Which passages answer, scaled so that 0 is the line between answered and not."""
    rows = [passage_rows(case, sentence) for case in cases]
    sizes = Counter(case.kind for case in cases)
    share = np.concatenate(
        [np.full(len(r), 1 / sizes[c.kind]) for r, c in zip(rows, cases, strict=True)]
    )
    first = logistic(
        np.concatenate(rows), np.concatenate([case.gold for case in cases]), share / share.mean()
    )
    best = np.array([[first.logits(r).max()] for r in rows])
    answered = np.array([bool(case.gold.any()) for case in cases])
    sizes2 = Counter((c.kind, bool(a)) for c, a in zip(cases, answered, strict=True))
    share = np.array([1 / sizes2[c.kind, bool(a)] for c, a in zip(cases, answered, strict=True)])
    scale = logistic(best, answered, share / share.mean())
    return Linear(
        scale.intercept + float(scale.weights[0]) * first.intercept,
        first.weights * scale.weights[0],
    )


def passage_rows(case: Case, sentence: Linear) -> Floats:
    """The features of a case's passages, as the scorer makes them."""
    best = np.array([sentence.logits(rows).max() for rows in case.sentences])
    return SentenceScorer.passage_features(best, case.coverage, case.question)


def logistic(rows: Floats, labels: NDArray[np.bool_], share: Floats, l2: float = 1.0) -> Linear:
    """Weighted logistic regression by Newton's method."""
    x = np.column_stack([np.ones(len(rows)), rows])
    penalty = np.diag([0.0] + [l2] * rows.shape[1])
    beta = np.zeros(x.shape[1])
    for _ in range(60):
        p = 1 / (1 + np.exp(-(x @ beta)))
        gradient = x.T @ (share * (p - labels)) + penalty @ beta
        hessian = (x * (share * p * (1 - p))[:, None]).T @ x + penalty
        step = np.linalg.solve(hessian, gradient)
        beta -= step
        if np.abs(step).max() < 1e-8:
            break
    return Linear(float(beta[0]), beta[1:])


def measure(cases: Sequence[Case], sentence: Linear, passage: Linear) -> dict[str, Any]:
    """On questions that were not fitted on, for each kind of text."""
    report: dict[str, Any] = {}
    for kind in sorted({case.kind for case in cases}):
        mine = [case for case in cases if case.kind == kind]
        best = np.array([passage.logits(passage_rows(c, sentence)).max() for c in mine])
        answered = np.array([bool(c.gold.any()) for c in mine])
        report[kind] = {
            "questions": len(mine),
            "answered_kept": round(float((best[answered] >= 0).mean()), 3),
            "unanswered_refused": round(float((best[~answered] < 0).mean()), 3),
            "auc": round(auc(best, answered), 3),
        }
    return report


def threshold(cases: Sequence[Case], sentence: Linear, passage: Linear) -> float:
    """The relevance that the share KEPT of all answered questions reach."""
    best = [passage.logits(passage_rows(c, sentence)).max() for c in cases if c.gold.any()]
    return float(1 / (1 + np.exp(-np.quantile(best, 1 - KEPT))))


def auc(scores: Floats, labels: NDArray[np.bool_]) -> float:
    """Area under the ROC curve: how often a positive stands above a negative."""
    above = scores[labels][:, None] - scores[~labels][None, :]
    return float((above > 0).mean() + 0.5 * (above == 0).mean())


def record_of(names: Sequence[str], model: Linear) -> dict[str, Any]:
    """A model as it is written."""
    weights = {name: round(float(w), 4) for name, w in zip(names, model.weights, strict=True)}
    return {"intercept": round(model.intercept, 4), "weights": weights}


if __name__ == "__main__":
    main()
