"""One line on stderr, the right exit status, and no secret."""

from __future__ import annotations

import pytest

from app.core.errors import (
    ConfigError,
    FootnoteError,
    InputError,
    LockedError,
    NotFoundError,
    PermanentError,
    TransientError,
)
from tests.cli.conftest import Run
from tests.cli.fake import FakeFootnote


@pytest.mark.parametrize(
    ("arguments", "about"),
    [
        (["nonsense"], "no such command 'nonsense'"),
        (["serach", "x"], "'search'"),
        (["ask"], "missing argument 'QUESTION'; see `footnote ask --help`"),
        (["ask", "  "], "the question is empty"),
        (["ask", "x", "--deadline-ms", "0"], "--deadline-ms"),
        (["ask", "x", "--nonsense"], "--nonsense"),
        (["search", "x", "-k", "0"], "-k"),
        (["search", "x", "-k", "many"], "-k"),
        (["search", ""], "the query is empty"),
        (["search", "x", "--filter", "team"], "'team' is not KEY=VALUE"),
        (["ingest", "x", "--tag", "=hr"], "'=hr' is not KEY=VALUE"),
        (["ingest", "x", "--tag", "a=1", "--tag", "a=2"], "a is given twice"),
        (["ingest", "x", "--engine", "spark"], "--engine"),
        (["ingest", "x", "--address", "auto"], "--address is of a Ray cluster; add --engine ray"),
        (["ingest", "x", "--workers", "0"], "--workers"),
        (["ingest"], "missing argument 'PATH'"),
        (["documents"], "missing command"),
        (["prompts", "show", "nonsense"], "there is no prompt nonsense; there is: condense"),
        (["serve", "--port", "70000"], "--port"),
        (["serve", "--workers", "2"], "set FOOTNOTE_QDRANT__URL"),
    ],
)
def test_bad_usage_is_one_line_and_status_2(run: Run, arguments: list[str], about: str) -> None:
    outcome = run(*arguments)
    assert outcome.status == 2
    assert about in outcome.error
    assert outcome.out == ""


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (ConfigError, 2),
        (InputError, 1),
        (NotFoundError, 1),
        (PermanentError, 1),
        (TransientError, 1),
        (LockedError, 1),
    ],
)
def test_an_error_s_kind_decides_the_status(
    run: Run, fake: FakeFootnote, kind: type[FootnoteError], status: int
) -> None:
    fake.error = kind("it\nbroke", hint="mend it")
    outcome = run("ask", "x", "--json")
    assert (outcome.status, outcome.error) == (status, "it broke; mend it")
    assert outcome.out == ""


def test_an_unknown_error_names_its_kind_and_hides_its_text(run: Run, fake: FakeFootnote) -> None:
    fake.error = ZeroDivisionError("postgresql://me:secret@db")
    outcome = run("ask", "x", "--json")
    assert outcome.status == 1
    assert outcome.error == (
        "internal error (ZeroDivisionError); run again with --debug for the traceback"
    )


@pytest.mark.parametrize("arguments", [["--debug", "ask", "x"], ["ask", "x", "--debug"]])
def test_debug_shows_the_traceback_wherever_it_stands(
    run: Run, fake: FakeFootnote, arguments: list[str]
) -> None:
    fake.error = ZeroDivisionError("secret")
    outcome = run(*arguments)
    assert outcome.status == 1
    assert "Traceback" in outcome.err


def test_debug_after_two_dashes_is_a_question(run: Run, fake: FakeFootnote) -> None:
    assert run("ask", "--", "--debug").status == 0
    assert fake.asked[0].question == "--debug"


def test_ctrl_c_is_status_130(run: Run, fake: FakeFootnote) -> None:
    fake.error = KeyboardInterrupt()
    outcome = run("ask", "x")
    assert outcome.status == 130
    assert "Traceback" not in outcome.err
    assert fake.closed


def test_an_unknown_setting_is_refused_by_name(footnote: Run) -> None:
    outcome = footnote("documents", "list", FOOTNOTE_QDRANT__URI="x")
    assert outcome.status == 2
    assert outcome.error == (
        "unknown setting FOOTNOTE_QDRANT__URI; did you mean FOOTNOTE_QDRANT__URL?"
    )


def test_a_bad_value_is_refused_without_showing_it(footnote: Run) -> None:
    outcome = footnote("ask", "x", "--json", FOOTNOTE_RETRIEVAL__K="hunter2")
    assert outcome.status == 2
    assert "retrieval.k" in outcome.error
    assert "hunter2" not in outcome.err
    assert outcome.out == ""


def test_an_evaluation_that_is_not_installed_is_named(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.cli.evaluation.MODULE", "eval.is_not_here")
    outcome = run("eval", "run", "smoke")
    assert outcome.status == 2
    assert "footnote-rag[eval]" in outcome.error
    assert run("eval", "--help").status == 0
