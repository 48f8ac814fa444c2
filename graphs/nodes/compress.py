"""Cut the evidence to the budget of the prompt."""

from __future__ import annotations

from typing import Any

from langgraph.runtime import Runtime

from graphs.context import Context
from graphs.state import State


async def compress(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    """Number the evidence, within `answer.context_tokens`."""
    context = runtime.context
    evidence = await context.skills.compressor.compress(
        state["standalone"], state["passages"], context.answer.context_tokens
    )
    return {"evidence": evidence}
