"""Without a model, a follow-up keeps the subject of the question before it."""

from __future__ import annotations

import pytest

from app.core.types import Message
from graphs.skills.condense import EntityCondenser, ModelCondenser
from tests.unit.graphs.making import FakeGateway, run

BEFORE = [
    Message(role="user", content="What is the daily allowance in Germany?"),
    Message(role="assistant", content="EUR 28 [1]."),
]


async def _condensed(question: str, history: list[Message] | None = None) -> str:
    return await EntityCondenser().condense(question, BEFORE if history is None else history, run())


@pytest.mark.parametrize(
    "question", ["And in Spain?", "Why?", "Who pays it?", "What about weekends?", "Is that taxed?"]
)
async def test_a_question_that_leans_on_the_last_one_carries_its_subject(question: str) -> None:
    condensed = await _condensed(question)
    assert condensed.startswith(question)
    assert {"daily", "allowance", "Germany"} <= set(condensed.strip("?()").replace("(", "").split())


@pytest.mark.parametrize(
    "question", ["Where is the head office?", "How many days of parental leave do parents get?"]
)
async def test_a_question_that_stands_alone_is_left_alone(question: str) -> None:
    assert await _condensed(question) == question


async def test_what_the_question_says_already_is_not_said_twice() -> None:
    assert await _condensed("And the allowance in Spain?") == (
        "And the allowance in Spain? (daily Germany)"
    )


async def test_only_the_users_words_are_carried_and_none_when_there_are_none() -> None:
    assert await _condensed("Why?", []) == "Why?"
    assert await _condensed("Why?", BEFORE[1:]) == "Why?"
    assert await _condensed("Why?", [Message(role="user", content="Why is that so?")]) == "Why?"


async def test_the_model_sees_the_turns_and_an_empty_reply_changes_nothing() -> None:
    gateway = FakeGateway({"condense": ""})
    assert await ModelCondenser(gateway).condense("And in Spain?", BEFORE, run()) == "And in Spain?"
    [(_, variables)] = gateway.asked
    assert variables == {
        "history": [{"role": m.role, "content": m.content} for m in BEFORE],
        "question": "And in Spain?",
    }
