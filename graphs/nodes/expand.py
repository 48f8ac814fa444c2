"""Buy other ways to search: rewriting, HyDE, decomposition."""

from __future__ import annotations

from typing import Any

from langgraph.runtime import Runtime

from app.core.errors import FootnoteError
from graphs.context import Context
from graphs.skills.expand import RuleExpander
from graphs.state import State


async def expand(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    """New queries for a question whose evidence is thin; none ends the loop."""
    context = runtime.context
    attempt = state["expansions"]
    arguments = (state["standalone"], state["tried"], state["passages"], attempt, context.run)
    try:
        queries = await context.skills.expander.expand(*arguments)
    except FootnoteError as error:
        context.run.skip("rewrite", f"{error.message}; done by rule")
        queries = await RuleExpander().expand(*arguments)
    if queries and (narrowed := state.get("narrowed")):
        context.run.skip("filters", f"too little is {narrowed}; searched without")
    return {"queries": queries, "expansions": attempt + 1}
