"""Fit `app/models/sentence_scorer.json`: when does a sentence answer a question?

    python -m eval.training.fit_scorer DATA_FOLDER

Reads `squad2` (answers), `clapnq` (sentences that support an answer) and `qed_nq` (search
questions and their paragraph, no answers) below DATA_FOLDER. Every question searches all
paragraphs by embedding; of the five found, each sentence becomes a row of features,
labelled by whether it holds the answer. Two logistic models are fitted on three quarters
of the paragraphs and measured on the rest: one for sentences, and one that says by the
best sentence whether the question is answered at all, half of the questions having had
their paragraph taken away. The second is monotone in the first, so both fold into one set
of weights, with 0.5 the line between an answer and none.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app.adapters.fastembed_dense import FastembedEncoder
from app.adapters.sentence_scorer import FEATURES, WEIGHTS, SentenceScorer
from app.core.text import sentence_spans

SEED, QUESTIONS, FOUND = 0, 700, 5
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Question:
    """A question, its paragraph and what answers it there.

    Without answers, `answerable` says whether the paragraph answers it all the same.
    """

    text: str
    paragraph: int
    answers: tuple[str, ...] = ()
    answerable: bool = True


@dataclass(frozen=True, slots=True)
class Case:
    """The sentences that one question finds, and which of them hold its answer.

    `labels` is None where only `answered` is known.
    """

    features: Floats
    labels: NDArray[np.bool_] | None
    answered: bool
    held_out: bool


def main() -> None:
    """Fit, measure, write."""
    folder = Path(sys.argv[1])
    paragraphs, questions = read(folder)
    cases = asyncio.run(collect(paragraphs, questions))
    fitted = fit([c for c in cases if not c.held_out])
    report = measure([c for c in cases if c.held_out], *fitted)
    intercept, weights = fitted
    record = {
        "intercept": round(float(intercept), 4),
        "weights": {n: round(float(w), 4) for n, w in zip(FEATURES, weights, strict=True)},
        "recipe": "python -m eval.training.fit_scorer",
        "data": {
            "squad2": "CC BY-SA 4.0",
            "clapnq": "Apache-2.0",
            "qed_nq": "CC BY-SA 3.0",
        },
        "date": datetime.now(UTC).date().isoformat(),
        "held_out": report,
    }
    WEIGHTS.write_text(json.dumps(record, indent=2) + "\n")
    sys.stdout.write(json.dumps(record, indent=2) + "\n")


def read(folder: Path) -> tuple[list[tuple[str, str]], list[Question]]:
    """(title, paragraph) pairs and the questions about them, sampled with a fixed seed."""
    rng = np.random.default_rng(SEED)
    paragraphs: list[tuple[str, str]] = []
    questions: list[Question] = []
    for source in (_squad2, _clapnq, _qed_nq):
        texts, asked = source(folder, len(paragraphs))
        paragraphs += texts
        questions += [asked[i] for i in rng.permutation(len(asked))[:QUESTIONS]]
    return paragraphs, questions


Source = tuple[list[tuple[str, str]], list[Question]]


def _squad2(folder: Path, first: int) -> Source:
    texts: list[tuple[str, str]] = []
    questions: list[Question] = []
    for article in json.loads((folder / "squad2/part.json").read_text())["data"]:
        for paragraph in article["paragraphs"]:
            for qa in paragraph["qas"]:
                answers = tuple(answer["text"] for answer in qa["answers"])
                questions.append(
                    Question(qa["question"], first + len(texts), answers, bool(answers))
                )
            texts.append((article["title"].replace("_", " "), paragraph["context"]))
    return texts, questions


def _clapnq(folder: Path, first: int) -> Source:
    texts: list[tuple[str, str]] = []
    questions: list[Question] = []
    files = sorted((folder / "clapnq/annotated_data/dev").glob("*.jsonl"))
    for file in files:
        for line in file.open(encoding="utf-8"):
            row = json.loads(line)
            passage = row["passages"][0]
            chosen = row["output"][0].get("selected_sentences") or ()
            questions.append(
                Question(row["input"], first + len(texts), tuple(chosen), bool(chosen))
            )
            texts.append((passage["title"], passage["text"]))
    return texts, questions


def _qed_nq(folder: Path, first: int) -> Source:
    rows = [json.loads(line) for line in (folder / "qed_nq/train.jsonl").open(encoding="utf-8")]
    rows = rows[: 2 * QUESTIONS]
    questions = [Question(row["question"], first + i) for i, row in enumerate(rows)]
    return [(row["title"], row["paragraph"]) for row in rows], questions


async def collect(
    paragraphs: Sequence[tuple[str, str]], questions: Sequence[Question]
) -> list[Case]:
    """Search for every question and label what it finds."""
    encoder = FastembedEncoder()
    scorer = SentenceScorer(encoder)
    vectors = await encoder.encode([f"{title}\n{text}" for title, text in paragraphs])
    asked = await encoder.encode([question.text for question in questions])
    order = np.argsort(-(asked @ vectors.T), axis=1)[:, : FOUND + 1]
    cases: list[Case] = []
    for number, (question, found) in enumerate(zip(questions, order, strict=True)):
        taken_away = number % 2 == 1
        kept = [int(p) for p in found if not (taken_away and p == question.paragraph)][:FOUND]
        sentences, contexts, labels = [], [], []
        for p in kept:
            title, text = paragraphs[p]
            for span in sentence_spans(text):
                sentence = text[span.start : span.end]
                sentences.append(sentence)
                contexts.append(title)
                labels.append(p == question.paragraph and _holds(sentence, question.answers))
        if sentences:
            features = await scorer.features(question.text, sentences, contexts)
            there = question.answerable and question.paragraph in kept
            known = bool(question.answers) or not there
            # Split by paragraph, so that no paragraph trains and tests.
            held_out = question.paragraph % 4 == 0
            cases.append(Case(features, np.array(labels) if known else None, there, held_out))
        if number % 100 == 0:
            sys.stderr.write(f"{number} of {len(questions)} questions\n")
    await encoder.close()
    return cases


def fit(cases: Sequence[Case]) -> tuple[float, Floats]:
    """Intercept and weights of the folded model."""
    labelled = [(case.features, case.labels) for case in cases if case.labels is not None]
    rows = np.concatenate([features for features, _ in labelled])
    intercept, weights = logistic(rows, np.concatenate([labels for _, labels in labelled]))
    best = np.array([[(c.features @ weights + intercept).max()] for c in cases])
    shift, scale = logistic(best, np.array([case.answered for case in cases]), balanced=True)
    return float(shift + scale[0] * intercept), weights * scale[0]


def logistic(
    rows: Floats, labels: NDArray[np.bool_], *, balanced: bool = False, l2: float = 1.0
) -> tuple[float, Floats]:
    """Logistic regression by Newton's method: intercept and weights."""
    x = np.column_stack([np.ones(len(rows)), rows])
    y = labels.astype(float)
    share = np.where(labels, 0.5 / y.mean(), 0.5 / (1 - y.mean())) if balanced else np.ones(len(y))
    penalty = np.diag([0.0] + [l2] * rows.shape[1])
    beta = np.zeros(x.shape[1])
    for _ in range(50):
        p = 1 / (1 + np.exp(-(x @ beta)))
        gradient = x.T @ (share * (p - y)) + penalty @ beta
        hessian = (x * (share * p * (1 - p))[:, None]).T @ x + penalty
        step = np.linalg.solve(hessian, gradient)
        beta -= step
        if np.abs(step).max() < 1e-8:
            break
    return float(beta[0]), beta[1:]


def measure(cases: Sequence[Case], intercept: float, weights: Floats) -> dict[str, float]:
    """On held-out paragraphs: does the best sentence hold the answer; is there one?"""
    logits = [case.features @ weights + intercept for case in cases]
    answered = np.array([case.answered for case in cases])
    right = [
        c.labels[int(z.argmax())]
        for c, z in zip(cases, logits, strict=True)
        if c.answered and c.labels is not None
    ]
    best = np.array([z.max() for z in logits])
    said = best >= 0
    return {
        "questions": len(cases),
        "best_sentence_holds_answer": round(float(np.mean(right)), 4),
        "answered_kept": round(float(said[answered].mean()), 4),
        "unanswered_refused": round(float((~said[~answered]).mean()), 4),
        "auc": round(auc(best, answered), 4),
    }


def auc(scores: Floats, labels: NDArray[np.bool_]) -> float:
    """Area under the ROC curve: how often a positive stands above a negative."""
    above = scores[labels][:, None] - scores[~labels][None, :]
    return float((above > 0).mean() + 0.5 * (above == 0).mean())


def _holds(sentence: str, answers: Sequence[str]) -> bool:
    """Whether the sentence holds an answer, or is part of one that is longer."""
    low = sentence.lower()
    return any(a and (a.lower() in low or low in a.lower()) for a in answers)


if __name__ == "__main__":
    main()
