"""The final order of passages."""

from __future__ import annotations

from collections.abc import Sequence

from app.core.ports import Ranker
from app.core.settings import RerankingSettings
from app.core.types import Passage


async def rank(
    question: str,
    passages: Sequence[Passage],
    *,
    reranker: Ranker | None,
    settings: RerankingSettings,
) -> list[Passage]:
    """Passages, best first.

    The `settings.depth` most promising ones are judged; the rest follow in their order, with a
    score of 0.

    Args:
        question: A standalone question.
        passages: Candidates with fused scores, in any order.
        reranker: None leaves the order to the fusion.
        settings: Depth.
    """
    fused = sorted(passages, key=lambda p: -(p.scores.fused or 0.0))
    if reranker is None or not fused:
        return fused
    promising = reranker.promising(fused)
    head, tail = promising[: settings.depth], promising[settings.depth :]
    judged = await reranker.judge(question, head)
    return sorted(judged, key=lambda p: -p.score) + [
        p.model_copy(update={"score": 0.0}) for p in tail
    ]
