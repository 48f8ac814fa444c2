"""What needs no documents costs nothing, and is never an error."""

from __future__ import annotations

import pytest

from app.core.errors import InputError, TooLargeError
from app.core.types import Status
from app.service import Footnote
from graphs.nodes.direct import GREETING, NO_QUESTION
from tests.graph.library import LEAVE_QUESTION, hear

pytestmark = pytest.mark.asyncio(loop_scope="module")
SETTINGS = {"answer": {"max_question_chars": 100}}


@pytest.mark.parametrize("greeting", ["Hello!", "good morning", "Thanks a lot.", "Danke"])
async def test_small_talk_is_answered_without_a_search(reader: Footnote, greeting: str) -> None:
    heard = await hear(reader, greeting)
    assert heard.answer.status is Status.ANSWERED
    assert heard.answer.answer == GREETING
    assert heard.nodes == ["guard", "recall", "condense", "plan", "direct", "finish"]


async def test_thanks_in_a_conversation_are_no_question_about_its_subject(
    reader: Footnote,
) -> None:
    first = await hear(reader, LEAVE_QUESTION)
    heard = await hear(reader, "Thank you!", conversation=first.answer.conversation_id)
    assert heard.answer.answer == GREETING


async def test_a_question_without_words_is_sent_back(reader: Footnote) -> None:
    heard = await hear(reader, "?! …")
    assert heard.answer.status is Status.ABSTAINED
    assert heard.answer.answer == NO_QUESTION
    assert "retrieve" not in heard.nodes


@pytest.mark.parametrize("question", ["", "  \n\t ", "\x00\x01\x02", "a\x00b", "half \ud83d"])
async def test_an_empty_or_binary_question_is_refused_with_a_hint(
    reader: Footnote, question: str
) -> None:
    with pytest.raises(InputError) as refused:
        await hear(reader, question)
    assert refused.value.hint


async def test_a_question_that_is_too_long_is_refused_before_any_work(reader: Footnote) -> None:
    with pytest.raises(TooLargeError, match="101 characters"):
        await hear(reader, "a" * 101)
    assert (await hear(reader, f"  {'a' * 100}  ")).answer


@pytest.mark.parametrize(
    "question",
    [
        "How many days\x0bof leave?\x0c",
        "Wie viele Tage? \U0001fae8\U0001f6d8",
        "多少天年假？",
        "छुट्टी कितनी है\u200d?",
    ],
    ids=["breaks of a word processor", "emoji newer than Python", "Chinese", "joiners"],
)
async def test_what_people_paste_is_not_taken_for_binary_data(
    reader: Footnote, question: str
) -> None:
    heard = await hear(reader, question)
    assert heard.answer.status in (Status.ANSWERED, Status.ABSTAINED)


async def test_a_refused_question_does_not_end_the_conversation(reader: Footnote) -> None:
    first = await hear(reader, LEAVE_QUESTION)
    conversation = first.answer.conversation_id
    with pytest.raises(InputError):
        await hear(reader, " ", conversation=conversation)
    await hear(reader, "And parental leave?", conversation=conversation)
    messages = await reader.conversation(conversation, "default")
    assert [message.role for message in messages] == ["user", "assistant"] * 2
