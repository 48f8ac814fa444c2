"""Thin evidence without a chat model: other words once, then an honest no."""

from __future__ import annotations

import pytest

from app.core.types import Status
from app.service import Footnote
from graphs.nodes.abstain import NO_ANSWER
from tests.graph.library import FAR_QUESTION, LEAVE_QUESTION, NOTHING_DOES, hear

pytestmark = pytest.mark.asyncio(loop_scope="module")
SETTINGS = {"answer": NOTHING_DOES}


async def test_thin_evidence_is_searched_once_more_with_other_words(reader: Footnote) -> None:
    heard = await hear(reader, LEAVE_QUESTION, trace=True)
    assert heard.nodes.count("retrieve") == 2 and heard.nodes.count("expand") == 1
    expanded = next(step for step in heard.steps if step.node == "expand")
    assert "paid leave" in str(expanded.details["queries"])
    assert heard.answer.usage.llm_calls == 0


async def test_no_answer_is_made_up_but_the_nearest_passages_are_named(reader: Footnote) -> None:
    heard = await hear(reader, FAR_QUESTION)
    answer = heard.answer
    assert answer.status is Status.ABSTAINED
    assert answer.answer.startswith(f"{NO_ANSWER} Nearest: ")
    assert 1 <= len(answer.citations) <= 3
    assert all(citation.title in answer.answer for citation in answer.citations)
    assert answer.sentences == []


async def test_a_deadline_too_near_for_other_words_is_named(reader: Footnote) -> None:
    heard = await hear(reader, LEAVE_QUESTION, deadline_ms=1)
    assert heard.nodes.count("retrieve") == 1
    assert heard.answer.skipped == ["rewrite: the deadline is too near"]


async def test_an_abstention_is_remembered_as_a_turn(reader: Footnote) -> None:
    answer = (await hear(reader, FAR_QUESTION)).answer
    messages = await reader.conversation(answer.conversation_id, "default")
    assert [m.content for m in messages] == [FAR_QUESTION, answer.answer]
    assert messages[1].answer_id == answer.answer_id
