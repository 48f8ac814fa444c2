"""`footnote ask`: the answer, its sources, and what goes where."""

from __future__ import annotations

import io
import sys

import pytest

from app.core.exchange import Delta, Done, Step
from app.core.types import Scope, Status, Usage
from tests.cli.conftest import Run
from tests.cli.fake import ANSWER, QUOTE, FakeFootnote


def test_the_answer_is_followed_by_numbered_sources(run: Run) -> None:
    outcome = run("ask", "How long?")
    assert outcome.status == 0
    assert outcome.out.endswith(
        f"{QUOTE} [1]\n\n[1] Handbook, page 3, Annual leave — docs/leave.md\n    {QUOTE}\n"
    )
    assert "footnote ask --conversation c-1 QUESTION" in outcome.err


def test_options_are_passed_on(run: Run, fake: FakeFootnote) -> None:
    outcome = run(
        "ask", " How? ", "--tenant", "acme", "--conversation", "c-1", "--deadline-ms", "500"
    )
    (asked,) = fake.asked
    assert (asked.question, asked.scope) == ("How?", Scope("acme"))
    assert (asked.conversation_id, asked.deadline_ms, asked.trace) == ("c-1", 500, False)
    assert "footnote ask --tenant acme --conversation c-1" in outcome.err


def test_a_dash_reads_the_question_from_stdin(
    run: Run, fake: FakeFootnote, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("How long?\n"))
    run("ask", "-")
    assert fake.asked[0].question == "How long?"


def test_json_is_one_document_whatever_libraries_write(run: Run, fake: FakeFootnote) -> None:
    fake.chatter = "loading weights…\n"
    outcome = run("ask", "How long?", "--json")
    assert outcome.document == ANSWER.model_dump(mode="json")


def test_a_terminal_sees_the_text_once_as_it_comes(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert run("ask", "How long?").out.count(QUOTE) == 2  # the answer and its quote


def test_a_withdrawn_draft_is_followed_by_the_answer(
    run: Run, fake: FakeFootnote, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    fake.events = (Delta("It is 30 days."), Done(ANSWER))
    assert f"It is 30 days.\n{QUOTE} [1]\n" in run("ask", "How long?").out


@pytest.mark.parametrize("status", [Status.ABSTAINED, Status.UNVERIFIED])
def test_what_is_not_an_answer_is_said(run: Run, fake: FakeFootnote, status: Status) -> None:
    fake.events = (Done(ANSWER.model_copy(update={"status": status})),)
    outcome = run("ask", "How long?")
    assert outcome.status == 0
    assert f"note: {status}" in outcome.err


def test_trace_shows_steps_and_cost_on_stderr(run: Run, fake: FakeFootnote) -> None:
    usage = Usage(llm_calls=1, input_tokens=10, output_tokens=5, cost_usd=None)
    answer = ANSWER.model_copy(update={"usage": usage, "skipped": ["rerank: no time"]})
    fake.events = (Step("retrieve", 4.25, {"found": 3}), Done(answer))
    outcome = run("ask", "How long?", "--trace", "--json")
    assert fake.asked[0].trace
    assert "retrieve          4.2 ms  found=3" in outcome.err
    outcome = run("ask", "How long?", "--trace")
    assert "1 model call, 10 tokens in, 5 out, at an unknown price; skipped: rerank" in outcome.err


def test_a_document_cannot_steer_the_terminal(run: Run, fake: FakeFootnote) -> None:
    evil = ANSWER.citations[0].model_copy(
        update={"title": "a\x1b]0;evil\x07\r\nb", "quote": "\x9b2J"}
    )
    fake.events = (
        Delta("\x1b[31m"),
        Done(ANSWER.model_copy(update={"answer": "\x1b[2Jred [1]", "citations": [evil]})),
    )
    outcome = run("ask", "How long?")
    assert not set(outcome.out + outcome.err) & set("\x1b\x07\x9b\r")
    assert "[1] a]0;evil b, page 3" in outcome.out


def test_a_heading_that_repeats_the_title_is_not_repeated(run: Run, fake: FakeFootnote) -> None:
    citation = ANSWER.citations[0].model_copy(update={"heading": "Handbook", "page": None})
    fake.events = (Done(ANSWER.model_copy(update={"citations": [citation]})),)
    assert "[1] Handbook — docs/leave.md\n" in run("ask", "How long?").out
