"""Close the account: the answer, its memory and its cache entry."""

from __future__ import annotations

from typing import Any

from langgraph.runtime import Runtime

from app.core.exchange import Delta, Done
from app.core.types import Answer, Message, Status
from graphs.citations import compose
from graphs.context import Context
from graphs.state import State

NOT_VERIFIED = "Note: this answer could not be checked completely."


async def finish(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    """Compose the answer, remember the turn, keep what was proved for the next asker."""
    context = runtime.context
    answer = state.get("answer") or _composed(state, runtime)
    run = context.run
    answer = answer.model_copy(
        update={
            "usage": run.usage,
            "skipped": [*answer.skipped, *run.skipped],
            "timings_ms": dict(run.timings_ms),
            "prompt_versions": {**answer.prompt_versions, **run.prompt_versions},
        }
    )
    # A degraded answer is given, but not remembered for others.
    if context.cache and state["cache_key"] and answer.status == "answered" and not run.skipped:
        await context.cache.set(state["cache_key"], answer.model_dump_json())
    runtime.stream_writer(Done(answer))
    turn = [
        Message(role="user", content=state["question"]),
        Message(role="assistant", content=answer.answer, answer_id=answer.answer_id),
    ]
    return {"answer": answer, "messages": [m.model_dump(exclude_none=True) for m in turn]}


def _composed(state: State, runtime: Runtime[Context]) -> Answer:
    context = runtime.context
    text, book = compose(state["checked"])
    status = Status.ANSWERED if state["verdict"] == "proved" else Status.UNVERIFIED
    if status is Status.UNVERIFIED:
        runtime.stream_writer(Delta(f" {NOT_VERIFIED}"))
        text = f"{text} {NOT_VERIFIED}"
    return Answer(
        answer_id=context.run.answer_id,
        conversation_id=context.conversation_id,
        status=status,
        answer=text,
        citations=book.citations,
        sentences=book.sentences,
    )
