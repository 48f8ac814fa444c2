"""Questions longer than the model reads, and odd numbers of passages: nothing goes unsaid."""

from __future__ import annotations

import pytest
import structlog

from app.core.errors import InputError
from app.core.types import Scope
from app.service import Footnote
from tests.graph.library import LEAVE_QUESTION, hear

pytestmark = pytest.mark.asyncio(loop_scope="module")
CHATTER = "Let me tell you a little about myself before I come to the point. " * 25
CUT = "the query has 392 tokens, of which dense search read the first 256, and BM25 all"


async def test_an_answer_says_what_of_a_long_question_was_not_read(reader: Footnote) -> None:
    long = await hear(reader, CHATTER + LEAVE_QUESTION)
    short = await hear(reader, LEAVE_QUESTION)

    assert long.answer.skipped == [f"retrieve: {CUT}"]
    assert short.answer.skipped == []


async def test_the_last_word_of_a_long_query_still_finds_its_document(reader: Footnote) -> None:
    with structlog.testing.capture_logs() as lines:
        found = await reader.search(f"{CHATTER} Lisbon", Scope(), 10)
        await reader.search("Lisbon", Scope())

    best = max(found, key=lambda passage: passage.scores.bm25 or 0.0)
    assert best.title == "Offices"
    assert [line["why"].count("BM25 all") for line in lines] == [1], "once, and not for the short"


@pytest.mark.parametrize("k", [0, -1, 1001, 10_000])
async def test_how_many_passages_may_be_asked_for_is_said_and_not_guessed(
    reader: Footnote, k: int
) -> None:
    with pytest.raises(InputError, match=f"k is {k}; ask for 1 to 1000 passages"):
        await reader.search(LEAVE_QUESTION, Scope(), k)


async def test_as_many_passages_as_may_be_asked_for_are_all_there_are(reader: Footnote) -> None:
    chunks = sum(document.chunks for document in await reader.store.documents(Scope()))

    assert len(await reader.search(LEAVE_QUESTION, Scope(), 1000)) == chunks
