"""Filters written from the question narrow the search, and never leave it without an answer."""

from __future__ import annotations

from typing import Any

import pytest

from app.core.types import Scope, Status
from tests.graph.chat import Chat, Line
from tests.graph.library import LEAVE, LEAVE_QUESTION, NOTHING_DOES, Heard, Library, hear
from tests.support.scripted_openai import ScriptedOpenAI
from tests.support.scripted_openai import Status as Failing

RULE: dict[str, Any] = {"retrieval": {"filters_from_question": "rule"}, "cache": {"enabled": False}}
MODEL: dict[str, Any] = {
    "retrieval": {"filters_from_question": "model"},
    "cache": {"enabled": False},
}


def narrowed(heard: Heard) -> str:
    planned = next(step for step in heard.steps if step.node == "plan")
    return str(planned.details.get("narrowed", ""))


async def test_a_condition_that_holds_is_kept_and_one_that_finds_nothing_is_dropped(
    library: Library,
) -> None:
    async with library.open(**RULE) as footnote:
        holds = await hear(footnote, f"{LEAVE_QUESTION} What was said since 2020?", trace=True)
        assert narrowed(holds) == "from 2020-01-01"
        assert "25" in holds.text and holds.answer.skipped == []

        fails = await hear(footnote, f"{LEAVE_QUESTION} What was said in 1999?", trace=True)
        assert narrowed(fails) == "from 1999-01-01, before 2000-01-01"
        assert "25" in fails.text
        assert fails.answer.skipped == [
            "filters: nothing is from 1999-01-01, before 2000-01-01; searched without"
        ]
        found = await footnote.search(f"{LEAVE_QUESTION} In the PDF?", Scope())
        assert LEAVE in found[0].text, "search does as ask does"


async def test_a_tag_of_another_tenant_is_unknown(library: Library) -> None:
    async with library.open(**RULE) as footnote:
        ours = await hear(footnote, f"{LEAVE_QUESTION} of:default", trace=True)
        assert narrowed(ours) == "of=default"
        theirs = await hear(footnote, f"{LEAVE_QUESTION} of:rival", trace=True)
        assert narrowed(theirs) == ""
        for heard in (ours, theirs):
            assert "40 days" not in heard.text and heard.answer.skipped == []


async def test_the_callers_filter_holds_whatever_the_question_asks_for(library: Library) -> None:
    async with library.open(**RULE) as footnote:
        question = "Which daily allowance was announced, of:default, since 2020?"
        heard = await hear(footnote, question, filters={"title": "Offices"})
        assert {citation.title for citation in heard.answer.citations} <= {"Offices"}


async def test_where_the_evidence_is_thin_other_documents_are_searched_too(
    library: Library,
) -> None:
    async with library.open(**RULE, answer=NOTHING_DOES) as footnote:
        heard = await hear(footnote, f"{LEAVE_QUESTION} What was said since 2020?")
    assert heard.nodes.count("retrieve") == 2
    assert "filters: too little is from 2020-01-01; searched without" in heard.answer.skipped


async def test_nothing_is_read_unless_it_is_wanted(library: Library) -> None:
    async with library.open() as footnote:
        heard = await hear(footnote, f"{LEAVE_QUESTION} What was said in 1999?", trace=True)
    assert narrowed(heard) == "" and heard.answer.skipped == []


async def test_the_model_reads_filters_and_the_rule_stands_in(
    library: Library, server: ScriptedOpenAI
) -> None:
    wish = {"since": "2020-01-01", "until": "", "file_types": [],
            "tags": [{"name": "of", "value": "rival"}]}  # fmt: skip
    said: dict[str, Line] = {
        "generate": f"{LEAVE[:-1]} [#25 days].",
        "verify": {"reason": "", "supported": True},
    }
    async with library.open(server, **MODEL) as footnote:
        chat = Chat(server, filters=wish, **said)
        heard = await hear(footnote, LEAVE_QUESTION, trace=True)
        assert chat.prompts[0] == "filters"
        assert "of=default" in chat.asked("filters")[0].user
        assert "rival" not in chat.asked("filters")[0].user
        assert narrowed(heard) == "from 2020-01-01"
        assert "filters" in heard.answer.prompt_versions
        assert heard.answer.status is Status.ANSWERED

        Chat(server, filters=Failing(500), **said)
        heard = await hear(footnote, f"{LEAVE_QUESTION} What was said since 2021?", trace=True)
        assert narrowed(heard) == "from 2021-01-01"
        assert heard.answer.skipped == ["filters: the chat model failed (500); done by rule"]
    assert not server.unexpected


@pytest.mark.parametrize("question", ["Hello there!", "???"])
async def test_small_talk_is_not_read_for_filters(
    library: Library, server: ScriptedOpenAI, question: str
) -> None:
    async with library.open(server, **MODEL) as footnote:
        chat = Chat(server)
        await hear(footnote, question)
        assert chat.prompts == []
