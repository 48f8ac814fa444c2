"""The first minute: a service without a single document."""

from __future__ import annotations

from pathlib import Path

from app.core.types import Scope, Status
from graphs.nodes.abstain import NO_DOCUMENTS, NO_MATCH
from tests.graph.chat import Chat
from tests.graph.library import LEAVE_QUESTION, NOTHING_DOES, Library, hear, made_library
from tests.support.scripted_openai import ScriptedOpenAI


async def test_over_an_empty_index_the_answer_is_a_no_that_says_what_to_do(tmp_path: Path) -> None:
    async with Library(tmp_path, tmp_path / "data").open() as footnote:
        heard = await hear(footnote, LEAVE_QUESTION)
        assert heard.answer.status is Status.ABSTAINED
        assert heard.answer.answer == NO_DOCUMENTS
        assert "footnote ingest" in heard.answer.answer
        assert await footnote.search(LEAVE_QUESTION, Scope()) == []


async def test_over_an_empty_index_no_model_call_is_bought(
    tmp_path: Path, scripted_openai: ScriptedOpenAI
) -> None:
    chat = Chat(scripted_openai)
    library = Library(tmp_path, tmp_path / "data")
    async with library.open(scripted_openai, answer=NOTHING_DOES) as footnote:
        heard = await hear(footnote, LEAVE_QUESTION)
    assert heard.answer.status is Status.ABSTAINED
    assert chat.prompts == []


async def test_filters_that_nothing_matches_are_named_and_not_the_documents_blamed(
    tmp_path: Path,
) -> None:
    library = await made_library(tmp_path)
    async with library.open() as footnote:
        heard = await hear(footnote, LEAVE_QUESTION, filters={"of": "nobody"})
        assert heard.answer.status is Status.ABSTAINED
        assert heard.answer.answer == NO_MATCH
