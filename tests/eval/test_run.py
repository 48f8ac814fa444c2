"""`footnote eval` over the real service and a tiny dataset."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.cli.main import run as footnote
from app.core.types import Answer
from eval.cli import run_suite
from eval.report import read_report
from tests.eval.conftest import MakeSuite
from tests.eval.faults import broken, faulty, shifted_citations, without_citations

# What the sentence scorer makes of five questions is not the point here: gates on what
# holds whatever its weights are.
GATES: dict[str, dict[str, object]] = {
    "errors": {"max": 0},
    "hit@5": {"min": "3/3"},
    "citation_exactness": {"min": 1},
    "cited_sentences": {"min": 1},
    "reranked": {"min": 1},
}


def test_a_sound_service_passes_and_leaves_a_report(
    make_suite: MakeSuite, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    suite = make_suite(GATES)
    assert footnote(["eval", "run", str(suite)]) == 0
    out, err = capsys.readouterr()
    assert "every gate holds" in out
    assert "Traceback" not in err
    (folder,) = (tmp_path / "reports").iterdir()
    assert folder.name.startswith("tiny-")
    assert {f.name for f in folder.iterdir()} >= {"report.json", "report.md"}
    assert str(folder.relative_to(tmp_path) / "report.md") in out

    report = read_report(folder)
    assert report.metadata.documents == 3
    assert report.metadata.models["dense"]
    assert report.scores["hit@5"].value == 1
    assert report.scores["latency_p50_ms"].count == 5
    assert str(tmp_path) not in (folder / "report.json").read_text()
    page = (folder / "report.md").read_text()
    assert page.startswith("# tiny: every gate holds")
    for name in ("score_by_kind.png", "latency.png"):
        assert f"({name})" in page
        assert (folder / name).stat().st_size > 1000

    # The reranker switched off, against that baseline.
    off = ["--set", "reranking.model=none", "--out", "off", "--baseline", str(folder)]
    assert footnote(["eval", "run", str(suite), *off]) == 1
    out = capsys.readouterr().out
    assert "gates do not hold: reranked" in out
    assert "change" in (tmp_path / "off" / "report.md").read_text()

    assert footnote(["eval", "compare", str(folder), "off/report.json"]) == 1
    out = capsys.readouterr().out
    assert "reranking.model: bundled → none" in out
    assert footnote(["eval", "compare", "off", str(folder)]) == 0


@pytest.mark.parametrize(
    ("spoil", "failed"),
    [
        (without_citations, {"citation_exactness", "cited_sentences"}),
        (shifted_citations, {"citation_exactness"}),
        (broken, {"errors", "citation_exactness", "cited_sentences"}),
    ],
)
def test_a_planted_fault_is_found(
    make_suite: MakeSuite, tmp_path: Path, spoil: Callable[[Answer], Answer], failed: set[str]
) -> None:
    out = tmp_path / "out"
    held = run_suite(str(make_suite(GATES)), out=out, open_service=faulty(spoil))
    assert not held  # which `eval run` turns into exit status 1
    report = read_report(out)
    assert {gate.metric for gate in report.gates if not gate.held} == failed
    assert "sk-secret" not in (out / "report.json").read_text()


def test_a_document_that_cannot_be_read_is_an_error(
    make_suite: MakeSuite, dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (dataset / "documents" / "broken.pdf").write_bytes(b"%PDF-1.7 and nothing else")
    suite = make_suite({"errors": {"max": 0}})
    assert footnote(["eval", "run", str(suite), "--out", "out"]) == 1
    assert "broken.pdf" in capsys.readouterr().err
    assert read_report(tmp_path / "out").scores["errors"].value == 1


def test_suites_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert footnote(["eval", "list"]) == 0
    assert "smoke" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["run", "nothing"], "no suite nothing"),
        (["run", "smoke", "--set", "reranking.modle=none"], "unknown setting reranking.modle"),
        (["run", "smoke", "--set", "reranking"], "not KEY=VALUE"),
        (["run", "smoke", "--set", "depth=3"], "not SECTION.KEY"),
        (["run", "smoke", "--set", "data_dir.x=3"], "chooses data_dir itself"),
        (["run", "smoke", "--baseline", "nowhere.json"], "nowhere.json cannot be read"),
        (["run", "smoke", "--out", "taken"], "taken cannot be made"),
        (["compare", "taken", "taken"], "taken is no report"),
    ],
)
def test_misuse_is_named_before_anything_is_made(
    tmp_path: Path, words: list[str], named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "taken").write_text("a file", "utf-8")
    assert footnote(["eval", *words]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")
    assert named in line
    assert not (tmp_path / "reports").exists()


def test_a_report_of_another_shape_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shape: dict[str, Any] = {"suite": "x"}
    (tmp_path / "r.json").write_text(json.dumps(shape), "utf-8")
    assert footnote(["eval", "compare", "r.json", "r.json"]) == 2
    assert "no report of this version" in capsys.readouterr().err
