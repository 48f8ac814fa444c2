"""The final score, fitted anew to a cross-encoder and a user's documents: `footnote models fit`.

Questions made by rule are not what readers ask. So the weights start from the installed ones
and are held near them, and whether a question is answered at all is told as before: only the
scale of what that is told from follows the new score.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime

import numpy as np

from app import parts
from app.adapters.answered import ABOUT, Answered, signs
from app.adapters.logistic import Logistic
from app.adapters.own_models import keep_ranking
from app.adapters.ranker import CalibratedRanker
from app.core.settings import Settings
from app.core.types import Seen
from app.wiring import open_footnote
from eval.training.cases import Case, best_of, read_all
from eval.training.logistic import fit_passages, question_record, record_of
from eval.training.own_texts import make_pairs, read_library, searched
from eval.training.trial import Verdict, compare, gains

LEARNED = 400
"""Questions that are fitted on; a few weights need no more."""
_FOLLOWING = ("best", "lead")
_READ_AT_ONCE = 10
Progress = Callable[[int, int, str], None]


@dataclass(frozen=True, slots=True)
class Fitted:
    """What came of it.

    Args:
        kept: Whether the new weights are in use from the next start.
        reranker: What they are for.
        learned: How many questions of each kind were fitted on.
        weights: Of each voice, as they are now and as they were fitted.
    """

    kept: bool
    reranker: str
    learned: dict[str, int]
    weights: dict[str, tuple[float, float]]
    verdict: Verdict


async def fit(
    settings: Settings, *, tenant: str, most: int = LEARNED, progress: Progress | None = None
) -> Fitted:
    """Fit, measure, and keep the result if it is better.

    Args:
        most: Questions that are fitted on.

    Raises:
        InputError: There is too little text.
        LockedError: Another process holds the embedded index.
    """
    told = progress or (lambda done, total, step: None)
    async with open_footnote(settings) as footnote:
        told(0, 100, "reading the documents")
        library = await read_library(footnote, tenant)
        pairs = await make_pairs(library, most=most)
        found = await searched(library, pairs)
        reader = await asyncio.to_thread(parts.reader, settings)
        other = await asyncio.to_thread(parts.cross_encoder, settings)
        ranker = parts.ranker(settings, reader, other)
        try:
            cases: list[Case] = []
            for start in range(0, len(found), _READ_AT_ONCE):
                cases += await read_all(found[start : start + _READ_AT_ONCE], ranker)
                told(round(95 * start / len(found)), 100, f"{start} questions read")
        finally:
            await ranker.close()
            await reader.close()
        passage = await asyncio.to_thread(fit_passages, ranker, cases, ranker.passage)
        fitted = CalibratedRanker(reader, passage, ranker.question, other)
        measured = [case for case in cases if case.held_out]
        scores = [gains(one, measured) for one in (ranker, fitted)]
        verdict = await asyncio.to_thread(compare, *scores)
        learned = [case for case in cases if not case.held_out]
        outcome = Fitted(
            verdict.better,
            ranker.name,
            dict(Counter(case.kind for case in learned)),
            {
                name: (round(float(old), 4), round(float(new), 4))
                for name, old, new in zip(
                    passage.names, ranker.passage.weights, passage.weights, strict=True
                )
            },
            verdict,
        )
        if verdict.better:
            question = follow(ranker, fitted, learned)
            keep_ranking(parts.data_dir(settings), _record(passage, question, outcome))
        return outcome


def follow(old: CalibratedRanker, new: CalibratedRanker, cases: Sequence[Case]) -> Answered:
    """The question model, which says of the new scores what it said of the old ones.

    Signs made from scores are centred and scaled so that, over the cases, they are as before.
    """
    everything = [case.kept(np.ones(len(case.passages), dtype=bool)) for case in cases]
    before, after = (
        np.array([signs(best_of(ranker, case), Seen()) for case in everything])
        for ranker in (old, new)
    )
    model = old.question.about
    mean, spread = model.mean.copy(), model.spread.copy()
    for place in map(ABOUT.index, _FOLLOWING):
        wider = (after[:, place].std() or 1.0) / (before[:, place].std() or 1.0)
        mean[place] = after[:, place].mean() - (before[:, place].mean() - mean[place]) * wider
        spread[place] *= wider
    return replace(old.question, about=replace(model, mean=mean, spread=spread))


def _record(passage: Logistic, question: Answered, outcome: Fitted) -> dict[str, object]:
    return {
        "reranker": outcome.reranker,
        "passage": record_of(passage),
        "question": question_record(question),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "pairs": outcome.learned,
        "result": asdict(outcome.verdict),
    }
