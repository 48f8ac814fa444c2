"""Put the candidates of all searches into one order, and choose those that go on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from langgraph.runtime import Runtime

from app.core.types import Passage
from graphs.context import Context, Query
from graphs.skills.ranking import rank
from graphs.skills.select import select
from graphs.state import State


async def rerank(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    """Score the best candidates, each against the question that found it."""
    context = runtime.context
    found = _distinct(state["candidates"])
    by_question: dict[str, list[Passage]] = {}
    for query, passage in found:
        by_question.setdefault(query.question, []).append(passage)
    ranked = [
        await rank(question, passages, reranker=context.reranker, settings=context.reranking)
        for question, passages in by_question.items()
    ]
    settings = context.retrieval
    passages = await select(ranked, most=settings.k, settings=settings)
    return {"passages": passages, "tried": _tried(state)}


def _distinct(candidates: Sequence[tuple[Query, Passage]]) -> list[tuple[Query, Passage]]:
    """Each passage once a question, with its best fused score."""
    best: dict[tuple[str, str, int], tuple[Query, Passage]] = {}
    for query, passage in candidates:
        place = (query.question, passage.document_id, passage.start)
        if place not in best or passage.score > best[place][1].score:
            best[place] = (query, passage)
    return list(best.values())


def _tried(state: State) -> list[Query]:
    return list(dict.fromkeys([*state["tried"], *state["queries"]]))
