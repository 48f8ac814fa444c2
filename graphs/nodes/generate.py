"""Begin to write; sentences are drawn from the draft as the verifier asks for them."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any

from langgraph.runtime import Runtime

from app.core.errors import FootnoteError
from graphs.context import Context, DraftSentence, Writer
from graphs.state import State


async def generate(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    """Open a draft. A writer that fails before its first sentence is replaced."""
    context = runtime.context
    skills = context.skills
    try:
        # A draft that broke before anything stood: the same writer would break again.
        broken = state.get("verdict") == "broken"
        draft = await _begin(skills.reserve if broken else skills.writer, state, context)
    except FootnoteError as error:
        context.run.skip("generate", f"{error.message}; quoted instead")
        draft = await _begin(skills.reserve, state, context)
    return {"draft": draft, "drafts": state["drafts"] + 1}


async def _begin(
    writer: Writer, state: State, context: Context
) -> AsyncGenerator[DraftSentence, None] | None:
    """The draft from its first sentence on; None when there is not one."""
    sentences = writer.write(state["standalone"], state["evidence"], state["feedback"], context.run)
    context.held.push_async_callback(sentences.aclose)  # who leaves early stops the model
    try:
        first = await anext(sentences)
    except StopAsyncIteration:
        return None
    return _chained(first, sentences)


async def _chained(
    first: DraftSentence, rest: AsyncGenerator[DraftSentence, None]
) -> AsyncGenerator[DraftSentence, None]:
    yield first
    async for sentence in rest:
        yield sentence
