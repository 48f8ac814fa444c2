"""Put the candidates of all searches into one order, and choose those that go on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from langgraph.runtime import Runtime

from app.core.types import Passage, Scores
from graphs.context import Context, Query
from graphs.skills.ranking import rank
from graphs.skills.select import select
from graphs.state import State

_AVERAGE = 0.5  # of fused scores


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
    """Each passage once a question, as the question itself found it if it did."""
    best: dict[tuple[str, str, int], tuple[Query, Passage]] = {}
    for query, found in candidates:
        passage = found if query == Query(query.question, query.question) else _unweighed(found)
        place = (query.question, passage.document_id, passage.start)
        if place not in best or passage.score > best[place][1].score:
            best[place] = (query, passage)
    return list(best.values())


def _unweighed(passage: Passage) -> Passage:
    """A passage without scores that other words got: they say nothing of the question."""
    return passage.model_copy(
        update={"score": _AVERAGE, "scores": Scores(fused=_AVERAGE), "voices": {}}
    )


def _tried(state: State) -> list[Query]:
    return list(dict.fromkeys([*state["tried"], *state["queries"]]))
