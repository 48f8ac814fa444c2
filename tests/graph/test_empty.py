"""The first minute: a service without a single document."""

from __future__ import annotations

from pathlib import Path

from app.core.types import Scope, Status
from graphs.nodes.abstain import NO_ANSWER
from tests.graph.chat import Chat
from tests.graph.library import LEAVE_QUESTION, NOTHING_DOES, Library, hear
from tests.support.scripted_openai import ScriptedOpenAI


async def test_an_empty_index_is_an_honest_no_and_not_an_error(tmp_path: Path) -> None:
    async with Library(tmp_path, tmp_path / "data").open() as footnote:
        heard = await hear(footnote, LEAVE_QUESTION)
        assert heard.answer.status is Status.ABSTAINED
        assert heard.answer.answer == NO_ANSWER
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
