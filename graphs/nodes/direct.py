"""What needs no documents."""

from __future__ import annotations

from typing import Any

from langgraph.runtime import Runtime

from app.core.exchange import Delta
from app.core.types import Answer, Status
from graphs.context import Context
from graphs.state import State

GREETING = "Hello. Ask me anything that your documents may answer."
NO_QUESTION = "There are no words in this question. Please ask it in words."


async def direct(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    """A greeting for small talk; for a text without words, a request for some."""
    refused = state["route"] == "refuse"
    text = NO_QUESTION if refused else GREETING
    runtime.stream_writer(Delta(text))
    status = Status.ABSTAINED if refused else Status.ANSWERED
    return {
        "answer": Answer(
            answer_id=runtime.context.run.answer_id,
            conversation_id=runtime.context.conversation_id,
            status=status,
            answer=text,
        )
    }
