"""Judge the evidence by the calibrated score of its best passage."""

from __future__ import annotations

from typing import Any

from langgraph.runtime import Runtime

from graphs.context import Context
from graphs.state import State

EXPANSION_S = 1.0  # what a round of other words needs at the least, with a chat model


async def grade(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    """`good`, `thin` when another search may help, `poor` when not, `none` without passages."""
    context = runtime.context
    if not state["passages"]:
        return {"grade": "none"}  # dense search finds something wherever there is a document
    if context.reranker is None:
        return {"grade": "good"}  # nobody can tell; the writer and the verifier will
    best = max(passage.score for passage in state["passages"])
    if best >= context.answer.relevant:
        return {"grade": "good"}
    most = min(context.answer.max_rewrites, context.skills.expander.rounds)
    if state["expansions"] < most:
        refusal = context.run.refusal(needs_s=EXPANSION_S)
        if not refusal:
            return {"grade": "thin"}
        context.run.skip("rewrite", refusal)
    return {"grade": "poor"}
