"""The final order of passages: the fusion's voice and the reranker's, mixed."""

from __future__ import annotations

from collections.abc import Sequence

from app.core.ports import Reranker
from app.core.settings import RerankingSettings
from app.core.types import Passage
from graphs.context import context_of


async def rank(
    question: str,
    passages: Sequence[Passage],
    *,
    reranker: Reranker | None,
    settings: RerankingSettings,
) -> list[Passage]:
    """Passages, best first.

    The best `settings.depth` by fused score are reranked; the rest follow in their
    order. The final score mixes the reranker's relevance with the fused score, scaled
    to [0, 1] within the list: a reranker alone does worse on texts unlike its training.

    Args:
        question: A standalone question.
        passages: Candidates with fused scores, in any order.
        reranker: None leaves the order to the fusion.
        settings: Depth and weight.
    """
    fused = sorted(passages, key=lambda p: -(p.scores.fused or 0.0))
    if reranker is None or not fused:
        return fused
    head, tail = fused[: settings.depth], fused[settings.depth :]
    relevance = await reranker.score(question, [f"{context_of(p)}\n{p.text}" for p in head])
    top, low = (head[0].scores.fused or 0.0), (head[-1].scores.fused or 0.0)
    span = (top - low) or 1.0
    mixed = [
        p.model_copy(
            update={
                "score": settings.weight * r
                + (1 - settings.weight) * ((p.scores.fused or 0.0) - low) / span,
                "scores": p.scores.model_copy(update={"rerank": r}),
            }
        )
        for p, r in zip(head, relevance, strict=True)
    ]
    return sorted(mixed, key=lambda p: -p.score) + [
        p.model_copy(update={"score": 0.0}) for p in tail
    ]
