"""Put the candidates of all searches into one order."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any

from langgraph.runtime import Runtime

from app.core.types import Passage
from graphs.context import Context, Query
from graphs.skills.ranking import rank
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
    return {"passages": _merged(ranked, context.retrieval.k), "tried": _tried(state)}


def _distinct(candidates: Sequence[tuple[Query, Passage]]) -> list[tuple[Query, Passage]]:
    """Each passage once a question, with its best fused score."""
    best: dict[tuple[str, str, int], tuple[Query, Passage]] = {}
    for query, passage in candidates:
        place = (query.question, passage.document_id, passage.start)
        if place not in best or passage.score > best[place][1].score:
            best[place] = (query, passage)
    return list(best.values())


def _merged(ranked: Sequence[Sequence[Passage]], most: int) -> list[Passage]:
    """The best passages of all questions, each passage once.

    The sub-questions of one question each keep their best passage.
    """
    everything = sorted(chain.from_iterable(ranked), key=lambda passage: -passage.score)
    once: dict[tuple[str, int], Passage] = {}
    for passage in [*(passages[0] for passages in ranked), *everything]:
        once.setdefault((passage.document_id, passage.start), passage)
    return sorted(list(once.values())[:most], key=lambda passage: -passage.score)


def _tried(state: State) -> list[Query]:
    return list(dict.fromkeys([*state["tried"], *state["queries"]]))
