"""Fit `app/models/ranking.json`: the final score, and whether a question is answered at all.

    python -m eval.training.fit_ranking DATA_FOLDER TEXTS_FOLDER CACHE_FOLDER [questions]

Every question has its best candidates by fusion, read by the bundled reader. The passage model
learns to put those that answer first (softmax over a question's list) and to say how likely
each is (logistic loss); sets weigh the same, whatever their size, unless they are very small.
The question model learns to tell questions whose passage is there from the same questions with
it taken away, and from look-alikes; with the word `questions` it alone is fitted, and passages
are ranked as before. Every second question is kept apart to measure on.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import numpy as np

from app.adapters.answered import ABOUT, SAID, Answered
from app.adapters.logistic import Logistic
from app.adapters.onnx_dense import BundledEncoder
from app.adapters.ranker import VOICES, WEIGHTS, CalibratedRanker
from app.adapters.reader import BundledReader
from app.adapters.sentence_scorer import SentenceScorer
from app.core.ports import Reader
from app.core.types import Passage, Seen
from eval.judged.certainty import auc, expected_calibration_error
from eval.judged.places import seen_in
from eval.training.candidates import Found, collect
from eval.training.cases import LOOK_ALIKES, TELLING, Told, read_all, tell
from eval.training.logistic import (
    fit_passages,
    fit_questions,
    question_record,
    record_of,
    shared_weights,
)

QUESTIONS = 240
NEARLY_ALL = 0.985
"""Of the answered questions; `answer.answerable` is what they reach."""
MORE = {LOOK_ALIKES: 700}


def main() -> None:
    """Collect, read, fit, measure, write."""
    alone = sys.argv[4:] == ["questions"]
    only = TELLING if alone else None
    found = collect(*map(Path, sys.argv[1:4]), most=QUESTIONS, more=MORE, only=only)
    passage, told = asyncio.run(_fit(found, anew=not alone))
    sets = sorted({one.kind for one in found})
    question = fit_questions([one for one in told if not one.held_out])
    report = {
        "recipe": " ".join(["python -m eval.training.fit_ranking", *sys.argv[4:]]),
        "date": datetime.now(UTC).date().isoformat(),
        "fitted_on": {
            "passage": json.loads(WEIGHTS.read_text())["fitted_on"]["passage"] if alone else sets,
            "question": sorted({one.kind for one in told}),
        },
        "held_out": measure([one for one in told if one.held_out], question),
    }
    write(passage, question, report)
    sys.stdout.write(json.dumps(report, indent=2) + "\n")


async def _fit(found: Sequence[Found], *, anew: bool) -> tuple[Logistic, list[Told]]:
    """The model of passages, and what the one of questions is to be fitted on."""
    reader, encoder = BundledReader(), BundledEncoder()
    scorer = SentenceScorer.load(encoder)

    async def look(passages: Sequence[Passage], question: str) -> Seen:
        return await seen_in(passages, question, reader, scorer)

    try:
        installed = CalibratedRanker.load(reader)
        cases = await read_all(found, installed)
        passage = fit_passages(_blank(), cases) if anew else installed.passage
        ranker = _blank(passage)
        return passage, [one for case in cases for one in await tell(ranker, case, look)]
    finally:
        await reader.close()
        await encoder.close()


def measure(told: Sequence[Told], question: Answered) -> dict[str, Any]:
    """How well answered questions are told from others, set by set and together."""
    said = np.array([question.told(one.signs) for one in told])
    kinds, outcomes = (np.array([getattr(t, name) for t in told]) for name in ("kind", "outcome"))
    true = outcomes == "answered"
    apart = {
        outcome: {
            kind: round(auc(said[of_kind & true], said[of_kind & (outcomes == outcome)]), 3)
            for kind in sorted(set(kinds[outcomes == outcome].tolist()))
            for of_kind in [kinds == kind]
        }
        for outcome in ("absent", "unsaid")
    }
    return {
        "reached_by_nearly_all_answered": round(float(np.quantile(said[true], 1 - NEARLY_ALL)), 3),
        "calibration_error": round(expected_calibration_error(said, true, shared_weights(told)), 4),
        "auc": apart,
    }


def _blank(passage: Logistic | None = None) -> CalibratedRanker:
    """A ranker for its features, whose reader is never asked."""
    question = Answered(_zero(ABOUT), _zero(SAID))
    return CalibratedRanker(cast(Reader, _Nobody()), passage or _zero(VOICES), question)


def _zero(names: tuple[str, ...]) -> Logistic:
    none, one = np.zeros(len(names)), np.ones(len(names))
    return Logistic(names, 0.0, none, none, one)


class _Nobody:
    name = "nobody"


def write(
    passage: Logistic, question: Answered, report: dict[str, Any], file: Path = WEIGHTS
) -> None:
    """Write the models with what was measured."""
    record = {"passage": record_of(passage), "question": question_record(question), **report}
    file.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
