"""Does the reranker do its work: is evidence scored, and does the score tell it apart?

The graph grades evidence by the final score, of which the reranker is a voice. Without one,
every passage is good enough, which no metric of the order need show: these two do.
"""

from __future__ import annotations

from eval.judged.certainty import auc
from eval.metrics.score import Asked, Measure, Measures, Outcome, Score


def measure(asked: Asked) -> Measures:
    """1 when the best passage carries a reranker's score."""
    if not asked.passages:
        return {}
    return {"reranked": Measure(float(asked.passages[0].scores.rerank is not None))}


def whole(outcome: Outcome) -> dict[str, Score]:
    """Area under the ROC curve of the best passage's score: answerable or not."""
    sides: dict[bool, list[float]] = {True: [], False: []}
    for asked in outcome.asked:
        scores = [p.score for p in asked.passages if p.scores.rerank is not None]
        if scores:
            sides[asked.question.answerable].append(max(scores))
    pairs = len(sides[True]) * len(sides[False])
    if not pairs:
        why = "no pair of an answerable and an unanswerable question has reranked passages"
        return {"evidence_auc": Score(value=None, count=0, note=why)}
    return {"evidence_auc": Score(value=auc(sides[True], sides[False]), count=pairs)}
