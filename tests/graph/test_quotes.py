"""Without a chat model: the documents' own sentences, and nothing else."""

from __future__ import annotations

import pytest

from app.core.exchange import Ask
from app.core.types import Scope, Status
from app.service import Footnote
from graphs.nodes.abstain import NO_DOCUMENTS
from tests.graph.library import ALLOWANCE, LEAVE, LEAVE_QUESTION, RIVAL, hear

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_an_answer_is_the_very_words_of_a_document(reader: Footnote) -> None:
    heard = await hear(reader, LEAVE_QUESTION)
    answer = heard.answer
    assert answer.status is Status.ANSWERED
    assert answer.sentences[0].text == LEAVE
    first = answer.citations[0]
    assert (first.mark, first.quote, first.title) == (1, LEAVE, "Paid leave")
    assert first.source.endswith("leave.md")
    assert answer.usage.llm_calls == 0 and answer.prompt_versions == {}
    assert heard.nodes == [
        "guard", "recall", "condense", "plan", "retrieve", "rerank", "grade",
        "compress", "generate", "verify", "finish",
    ]  # fmt: skip


async def test_asking_plainly_gives_the_same_answer_as_streaming(reader: Footnote) -> None:
    streamed = await hear(reader, "What is the daily allowance in Germany?")
    plain = await reader.ask(Ask("What is the daily allowance in Germany?", Scope()))
    assert plain.answer == streamed.answer.answer and ALLOWANCE in plain.answer
    assert plain.answer_id != streamed.answer.answer_id
    assert plain.skipped == []  # the cache is off here


async def test_a_follow_up_by_rule_keeps_the_subject(reader: Footnote) -> None:
    first = await hear(reader, "What is the daily allowance in Germany?")
    heard = await hear(
        reader,
        "And by when must receipts for it be handed in?",
        conversation=first.answer.conversation_id,
        trace=True,
    )
    condensed = next(step for step in heard.steps if step.node == "condense")
    assert "daily allowance Germany" in str(condensed.details["standalone"])
    assert heard.answer.citations[0].title == "Business travel"


async def test_a_document_that_gives_orders_is_only_quoted_never_obeyed(reader: Footnote) -> None:
    """`hear` makes sure that the sentence it dictates appears in a quote of it or nowhere."""
    heard = await hear(reader, "How many characters do passwords have?")
    assert "14 characters" in heard.answer.answer
    assert heard.answer.status is Status.ANSWERED


async def test_filters_narrow_what_may_answer(reader: Footnote) -> None:
    heard = await hear(reader, LEAVE_QUESTION, filters={"title": "Offices"})
    assert {c.title for c in heard.answer.citations} <= {"Offices"}
    nothing = await hear(reader, LEAVE_QUESTION, filters={"of": "nobody"})
    assert nothing.answer.status is Status.ABSTAINED


async def test_another_tenants_documents_are_never_seen(reader: Footnote) -> None:
    question = "How many days of leave do rival staff get?"
    ours = await hear(reader, question)
    theirs = await hear(reader, question, tenant=RIVAL)
    assert all("rival" not in c.source for c in ours.answer.citations)
    assert [c.title for c in theirs.answer.citations] == ["Leave at the rival"]


async def test_steps_are_told_one_by_one_and_details_only_when_asked_for(
    reader: Footnote,
) -> None:
    bare = await hear(reader, LEAVE_QUESTION)
    traced = await hear(reader, LEAVE_QUESTION, trace=True)
    assert all(not step.details for step in bare.steps)
    told = {step.node: step.details for step in traced.steps}
    assert {"guard", "retrieve", "rerank", "compress", "verify"} <= told.keys()
    assert "Paid leave" in str(told["rerank"]["passages"])
    for heard in (bare, traced):
        assert all(step.ms >= 0 for step in heard.steps)
        # The last step is still running when the answer is made up.
        assert set(heard.answer.timings_ms) == {step.node for step in heard.steps} - {"finish"}


async def test_nothing_near_is_said_when_nothing_was_found(reader: Footnote) -> None:
    heard = await hear(reader, LEAVE_QUESTION, tenant="nobody")
    assert heard.answer.answer == NO_DOCUMENTS
    assert heard.answer.citations == []
