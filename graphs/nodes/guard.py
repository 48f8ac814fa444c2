"""Refuse what is not a question before anything is spent on it."""

from __future__ import annotations

import unicodedata
from typing import Any

from langgraph.runtime import Runtime

from app.core.errors import InputError, TooLargeError
from app.core.types import Message
from graphs.context import Context
from graphs.state import State


async def guard(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    """Check the question and lay out the run's state.

    Raises:
        InputError: The question is empty or binary.
        TooLargeError: It is longer than `answer.max_question_chars`.
    """
    context = runtime.context
    question = checked(state["question"], context.answer.max_question_chars)
    return {
        "question": question,
        "standalone": question,
        "history": _history(state, context),
        "expansions": 0,
        "drafts": 0,
        "tried": [],
        "passages": [],
        "evidence": [],
        "checked": [],
        "candidates": None,
        "feedback": "",
        "cache_key": "",
    }


def checked(question: str, most: int) -> str:
    """The question without white space around it. Raises as `guard` does."""
    question = question.strip()
    if not question:
        raise InputError("the question is empty", hint="ask something")
    if len(question) > most:
        raise TooLargeError(
            f"the question has {len(question)} characters, more than {most}",
            hint="shorten it, or raise answer.max_question_chars",
        )
    if any(unicodedata.category(c) in ("Cc", "Cs") and not c.isspace() for c in question):
        raise InputError("the question holds binary data", hint="send plain text")
    return question


def _history(state: State, context: Context) -> list[Message]:
    """What the client sent, else what the conversation remembers; the latest messages."""
    if context.history is not None:
        messages = list(context.history)
    else:
        messages = [Message(**kept) for kept in state.get("messages", [])]
    most = context.answer.history_messages
    return messages[-most:] if most else []
