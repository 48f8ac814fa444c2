"""The graph's state.

Only `messages` is kept in a conversation's checkpoint. Everything else belongs to the
run: its channels are untracked and never written anywhere.
"""

from __future__ import annotations

import operator
from collections.abc import AsyncGenerator, Sequence
from typing import Annotated, Any, TypedDict, TypeVar

from langgraph.channels import UntrackedValue

from app.core.types import Answer, Message, Narrowing, Passage
from graphs.context import Checked, DraftSentence, Evidence, Query

T = TypeVar("T")


class Gathered(UntrackedValue[list[Any]]):
    """An untracked list that searches running side by side add to; None empties it."""

    def update(self, values: Sequence[list[Any] | None]) -> bool:
        """Extend the list by every value of a step."""
        for value in values:
            held = self.value if isinstance(self.value, list) and value is not None else []
            self.value = [*held, *(value or [])]
        return bool(values)


class Input(TypedDict):
    """What a caller hands in."""

    question: str


class State(TypedDict, total=False):
    """What flows along the edges. A node returns the part that it changes."""

    messages: Annotated[list[dict[str, Any]], operator.add]
    question: Annotated[str, UntrackedValue]
    history: Annotated[list[Message], UntrackedValue]
    standalone: Annotated[str, UntrackedValue]
    route: Annotated[str, UntrackedValue]
    narrowed: Annotated[Narrowing, UntrackedValue]
    queries: Annotated[list[Query], UntrackedValue]
    tried: Annotated[list[Query], UntrackedValue]
    expansions: Annotated[int, UntrackedValue]
    candidates: Annotated[list[tuple[Query, Passage]], Gathered]
    passages: Annotated[list[Passage], UntrackedValue]
    grade: Annotated[str, UntrackedValue]
    evidence: Annotated[list[Evidence], UntrackedValue]
    draft: Annotated[AsyncGenerator[DraftSentence, None] | None, UntrackedValue]
    drafts: Annotated[int, UntrackedValue]
    feedback: Annotated[str, UntrackedValue]
    checked: Annotated[list[Checked], UntrackedValue]
    verdict: Annotated[str, UntrackedValue]
    cache_key: Annotated[str, UntrackedValue]
    answer: Annotated[Answer, UntrackedValue]


class Search(TypedDict):
    """What one of several searches side by side is given."""

    query: Query
    narrowed: Narrowing
