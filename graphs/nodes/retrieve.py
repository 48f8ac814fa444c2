"""One hybrid search: dense, BM25 and their fusion in one query to the engine."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from langgraph.runtime import Runtime

from app.core.types import HybridQuery, Narrowing, Passage, Scope
from graphs.context import Context, Query
from graphs.skills.clipping import unread
from graphs.state import Search


async def retrieve(state: Search, runtime: Runtime[Context]) -> dict[str, Any]:
    """Search for one query; several of these may run side by side.

    Of a text that is longer than the embedding model reads, dense search sees the beginning;
    `skipped` says so. BM25 sees all of it.
    """
    context, query = runtime.context, state["query"]
    if cut := unread(query.dense_text or query.text, context.dense):
        context.run.skip("retrieve", cut)
    scope = replace(context.scope, narrowed=state["narrowed"])
    found = await search(query, context, scope, most=context.retrieval.k)
    return {"candidates": [(query, passage) for passage in found]}


async def search(query: Query, context: Context, scope: Scope, *, most: int) -> list[Passage]:
    """Fused candidates, best first, enough to select `most` of them.

    Where no document is as the question was read, it is searched as if it said nothing.
    """
    asked = await hybrid(query, context, scope, most=most)
    found = await context.store.search(asked, scope)
    if found or not scope.narrowed:
        return found
    context.run.skip("filters", f"nothing is {scope.narrowed}; searched without")
    return await context.store.search(asked, replace(scope, narrowed=Narrowing()))


async def hybrid(query: Query, context: Context, scope: Scope, *, most: int) -> HybridQuery:
    """What the engine is asked, to find candidates enough to select `most` of them."""
    settings = context.retrieval
    # Half as many again: some will be joined, or left out as copies.
    limit = max(most + most // 2, context.reranking.depth)
    if context.reranker:  # which of all candidates are worth a closer look shows when compared
        limit = max(limit, settings.depth)
    dense_text = query.dense_text or query.text
    vector = (await context.dense.encode([dense_text]))[0]
    languages = await context.store.languages(scope)
    return HybridQuery(
        dense=vector,
        sparse=context.sparse.encode_query(query.text, languages),
        limit=limit,
        depth=max(settings.depth, limit),
        weights=(settings.dense_weight * context.dense.trust(dense_text), settings.bm25_weight),
        fusion=settings.fusion,
        rrf_k=settings.rrf_k,
        vectors=context.reranker is not None,
    )
