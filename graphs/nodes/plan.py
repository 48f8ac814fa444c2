"""Decide what the question needs: the documents, a plain word, or nothing."""

from __future__ import annotations

import re
from typing import Any, Literal

from langgraph.runtime import Runtime

from app.core.text import words
from graphs.context import Context, Query
from graphs.skills.filters import narrowed
from graphs.state import State

_SMALL_TALK = re.compile(
    r"^(hi|hello|hey|good (morning|afternoon|evening)|thanks|thank you( very much| so much)?|"
    r"ok(ay)?|bye|goodbye|hallo|danke|bonjour|merci)( there| footnote| all| a lot)?$",
    re.IGNORECASE,
)


async def plan(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    """Small talk is answered directly and a wordless text refused, both without search.

    The first search takes the question as it stands, among the documents that it means; other
    words, and other documents, are tried only when the evidence turns out thin.
    """
    question, way = state["standalone"], route(state["question"])
    planned: dict[str, Any] = {"route": way, "queries": [Query(question, question)]}
    if way == "retrieve" and (wanted := await narrowed(question, runtime.context)):
        planned["narrowed"] = wanted
    return planned


def route(question: str) -> Literal["retrieve", "direct", "refuse"]:
    """What a question, as it was typed, needs."""
    if not words(question):
        return "refuse"
    return "direct" if _SMALL_TALK.match(question.strip(" !.,?")) else "retrieve"
