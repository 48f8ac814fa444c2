"""`footnote ingest`: what it passes on, reports and survives."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import pytest

from app.core.exchange import IngestReport
from tests.cli.conftest import Run
from tests.cli.fake import FAILED, FakeFootnote


def test_paths_and_options_are_passed_on(run: Run, fake: FakeFootnote) -> None:
    outcome = run(
        "ingest", "docs", "more/*.md", "--tenant", "acme", "--tag", "team=hr", "--tag", "x=a=b",
        "--sync", "--engine", "local", "--workers", "1",
    )  # fmt: skip
    assert outcome.status == 0
    assert fake.ingested == [
        {
            "paths": [Path("docs"), Path("more/*.md")],
            "tenant": "acme",
            "tags": {"team": "hr", "x": "a=b"},
            "sync": True,
            "workers": 1,
        }
    ]


def test_the_ray_engine_takes_the_cluster_of_this_machine_or_the_one_named(
    run: Run, fake: FakeFootnote
) -> None:
    run("ingest", "docs", "--engine", "ray")
    run("ingest", "docs", "--engine", "ray", "--address", "10.0.0.1:6379", "--workers", "8")
    run("ingest", "docs")

    assert [asked.get("address") for asked in fake.ingested] == ["auto", "10.0.0.1:6379", None]
    assert [asked.get("workers") for asked in fake.ingested] == [None, 8, None]


def test_the_summary_is_one_line(run: Run, fake: FakeFootnote) -> None:
    fake.report = IngestReport(added=2, unchanged=3, chunks=1, seconds=0.25)
    outcome = run("ingest", "docs")
    assert outcome.out == (
        "2 added, 0 updated, 3 unchanged, 0 deleted, 0 failed: 1 chunk in 0.2 s\n"
    )
    assert outcome.err == ""


def test_failures_are_named_with_a_hint_and_status_1(run: Run, fake: FakeFootnote) -> None:
    fake.report = FAILED
    outcome = run("ingest", "docs")
    assert outcome.status == 1
    assert outcome.error == "x.pdf: it is encrypted; give a password"
    assert "1 added" in outcome.out


def test_json_is_the_contract_s_shape_and_alone(run: Run, fake: FakeFootnote) -> None:
    fake.report = FAILED
    outcome = run("ingest", "docs", "--json")
    assert outcome.status == 1
    assert outcome.document == {
        "documents": {"added": 1, "updated": 0, "unchanged": 0, "deleted": 0, "failed": 1},
        "chunks": 4,
        "seconds": 1.5,
        "failures": [
            {"source": "x.pdf", "error": "it is encrypted", "hint": "give a password"},
        ],
    }


def test_a_bar_is_drawn_on_a_terminal_only(
    run: Run, fake: FakeFootnote, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run("ingest", "docs").err == ""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    outcome = run("ingest", "docs", "--json")
    assert "1/2" in outcome.err
    assert "docs/[bold]leave.md" in outcome.err
    assert outcome.document["chunks"] == 0


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_it_cleanly(
    run: Run, fake: FakeFootnote, number: signal.Signals, status: int
) -> None:
    fake.signal = number
    outcome = run("ingest", "docs", "--json")
    assert outcome.status == status
    assert fake.closed
    assert outcome.out == ""
    assert outcome.err == (
        "stopped; finished documents are kept, run the same command again to go on\n"
    )


def test_folders_of_the_user_s_that_are_named_like_ours_are_not_taken_for_code(
    footnote: Run, tmp_path: Path
) -> None:
    for name in ("app", "ingestion"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise SystemExit('not ours')\n")
    (tmp_path / "leave.md").write_text("# Leave\n\nLeave is 25 days a year.\n")

    outcome = footnote("ingest", "leave.md")

    assert (outcome.status, outcome.err) == (0, "")
    assert "1 added" in outcome.out
