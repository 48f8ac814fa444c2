"""Make a follow-up question stand alone."""

from __future__ import annotations

from typing import Any

from langgraph.runtime import Runtime

from app.core.errors import FootnoteError
from graphs.context import Context
from graphs.nodes.plan import route
from graphs.skills.condense import EntityCondenser
from graphs.state import State


async def condense(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    """Read the question in the light of the conversation, if there is one."""
    if not state["history"] or route(state["question"]) != "retrieve":
        return {}
    context = runtime.context
    arguments = (state["question"], state["history"], context.run)
    try:
        return {"standalone": await context.skills.condenser.condense(*arguments)}
    except FootnoteError as error:
        context.run.skip("condense", f"{error.message}; done by rule")
        return {"standalone": await EntityCondenser().condense(*arguments)}
