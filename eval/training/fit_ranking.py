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
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import numpy as np

from app.adapters.ranker import VOICES, WEIGHTS, CalibratedRanker, Logistic, probability
from app.adapters.reader import BundledReader
from app.core.ports import Reader
from eval.judged.certainty import auc, expected_calibration_error
from eval.training.candidates import Found, collect
from eval.training.cases import Case, Told, read_all, tell
from eval.training.logistic import fit_passages, fit_questions, record_of

QUESTIONS = 240


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


def measure(told: Sequence[Told], question: Logistic) -> dict[str, Any]:
    """How well answered questions are told from others, set by set and together."""
    said = np.array([probability(float(question.logits(t.signs[None, :])[0])) for t in told])
    true = np.array([t.answered for t in told])
    kinds = np.array([t.kind for t in told])
    return {
        "calibration_error": round(expected_calibration_error(said, true), 4),
        "auc": {
            kind: round(auc(said[(kinds == kind) & true], said[(kinds == kind) & ~true]), 3)
            for kind in sorted(set(kinds.tolist()))
        },
    }


def _blank(passage: Logistic | None = None) -> CalibratedRanker:
    """A ranker for its features, whose reader is never asked."""
    none, one = np.zeros(len(VOICES)), np.ones(len(VOICES))
    zero = Logistic(VOICES, 0.0, none, none, one)
    return CalibratedRanker(cast(Reader, _Nobody()), passage or zero, zero)


class _Nobody:
    name = "nobody"


def write(
    passage: Logistic, question: Logistic, report: dict[str, Any], file: Path = WEIGHTS
) -> None:
    """Write the models with what was measured."""
    record = {"passage": record_of(passage), "question": record_of(question), **report}
    file.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
