"""A conversation outlives the process, belongs to its tenant, and can be forgotten."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from app.core.errors import InputError, NotFoundError
from app.core.exchange import Ask, Feedback, Step
from app.core.types import Scope
from app.service import Footnote
from tests.graph.library import LEAVE_QUESTION, NOTHING_DOES, RIVAL, Library, hear


async def test_a_restart_forgets_nothing(library: Library) -> None:
    async with library.open() as footnote:
        first = await hear(footnote, "What is the daily allowance in Germany?")
        conversation = first.answer.conversation_id
    async with library.open() as footnote:
        again = await hear(footnote, "And in words?", conversation=conversation, trace=True)
        condensed = next(step for step in again.steps if step.node == "condense")
        assert "allowance" in str(condensed.details["standalone"])
        messages = await footnote.conversation(conversation, "default")
    assert [m.role for m in messages] == ["user", "assistant"] * 2
    assert messages[1].answer_id == first.answer.answer_id
    assert messages[3].content == again.answer.answer


async def test_another_tenant_cannot_read_continue_or_delete_it(library: Library) -> None:
    async with library.open() as footnote:
        answer = (await hear(footnote, LEAVE_QUESTION)).answer
        conversation = answer.conversation_id
        with pytest.raises(NotFoundError):
            await footnote.conversation(conversation, RIVAL)
        with pytest.raises(NotFoundError):
            await footnote.forget(conversation, RIVAL)
        theirs = await hear(
            footnote, "What about it?", tenant=RIVAL, conversation=conversation, trace=True
        )
        guarded = next(step for step in theirs.steps if step.node == "guard")
        assert "history" not in guarded.details
        assert len(await footnote.conversation(conversation, "default")) == 2
        # No spelling of a tenant and an id leads to another pair's conversation.
        with pytest.raises(NotFoundError):
            await footnote.conversation(f"x\n{conversation}", "default")
        await hear(footnote, LEAVE_QUESTION, conversation="b\nc", tenant="a")
        with pytest.raises(NotFoundError):
            await footnote.conversation("c", "a\nb")


async def test_forgetting_leaves_nothing_behind(library: Library) -> None:
    async with library.open() as footnote:
        await hear(footnote, "Where is the head office?", conversation="to-forget")
        await footnote.forget("to-forget", "default")
        with pytest.raises(NotFoundError):
            await footnote.conversation("to-forget", "default")
        with pytest.raises(NotFoundError):
            await footnote.forget("to-forget", "default")
        again = await hear(footnote, "When does it open?", conversation="to-forget", trace=True)
    assert "condense" in again.nodes
    assert not any(step.details for step in again.steps if step.node == "condense")


async def test_two_questions_at_once_are_both_remembered(library: Library) -> None:
    async with library.open() as footnote:
        await hear(footnote, "Where is the head office?", conversation="at-once")
        questions = [f"How many days of leave, question {n}?" for n in range(4)]
        await asyncio.gather(*(hear(footnote, q, conversation="at-once") for q in questions))
        messages = await footnote.conversation("at-once", "default")
    assert len(messages) == 10
    assert {m.content for m in messages[2::2]} == set(questions)


async def test_a_question_broken_off_leaves_the_conversation_as_it_was(library: Library) -> None:
    async with library.open(answer=NOTHING_DOES) as footnote:
        first = await hear(footnote, LEAVE_QUESTION, conversation="broken-off")
        for node in ("plan", "retrieve", "expand", "generate"):
            await _leave_after(footnote, node, "broken-off")
        messages = await footnote.conversation("broken-off", "default")
        assert [m.content for m in messages] == [LEAVE_QUESTION, first.answer.answer]
        await hear(footnote, "And then?", conversation="broken-off")
        assert len(await footnote.conversation("broken-off", "default")) == 4


async def test_a_conversation_that_cannot_be_tidied_up_still_gets_its_answer(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def locked(self: object, thread_id: str) -> None:
        raise OSError("database is locked")

    monkeypatch.setattr("app.adapters.memory.SqliteMemory.prune", locked)
    async with library.open() as footnote:
        heard = await hear(footnote, LEAVE_QUESTION, conversation="untidy")
        assert heard.answer.citations
        await hear(footnote, "And then?", conversation="untidy")
        assert len(await footnote.conversation("untidy", "default")) == 4


async def test_an_endless_conversation_id_is_refused(library: Library) -> None:
    async with library.open() as footnote:
        with pytest.raises(InputError, match="too long"):
            await hear(footnote, LEAVE_QUESTION, conversation="x" * 201)


async def test_a_judgement_is_kept_and_can_be_changed(library: Library) -> None:
    async with library.open() as footnote:
        answer = (await hear(footnote, LEAVE_QUESTION)).answer
        for rating in (-1, 1):
            await footnote.feedback(Feedback(answer_id=answer.answer_id, rating=rating), RIVAL)
        with pytest.raises(InputError):
            await footnote.feedback(Feedback(answer_id=answer.answer_id, rating=0), RIVAL)
    rows = await asyncio.to_thread(_ratings, library.data_dir / "conversations.sqlite")
    assert rows[answer.answer_id] == (RIVAL, 1)


async def _leave_after(footnote: Footnote, node: str, conversation: str) -> None:
    events = footnote.stream(Ask("And parental leave?", Scope(), conversation))
    async for event in events:
        if isinstance(event, Step) and event.node == node:
            break
    await events.aclose()


def _ratings(file: Path) -> dict[str, tuple[str, int]]:
    import sqlite3

    with sqlite3.connect(file) as db:
        rows = db.execute("SELECT answer_id, tenant, rating FROM feedback").fetchall()
    return {answer_id: (tenant, rating) for answer_id, tenant, rating in rows}
