"""The bench of quality: what it searches, how it compares, and what it says."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.core.types import Passage
from eval.bench import cli, plot, quality_figures, quality_tables, report
from eval.bench.material.found import Figures
from eval.bench.quality_figures import STAGES, Measured
from eval.bench.result import Outcome
from eval.bench.sides import quality_footnote
from eval.judged.measures import Place
from eval.judged.sets import Question
from tests.support.judged import TEXTS, write_beir
from tests.support.tiny_models import tiny_cross_encoder


@pytest.fixture
def arguments(tmp_path: Path) -> dict[str, Any]:
    write_beir(tmp_path / "data" / "ours")
    folders = {"data": str(tmp_path / "data"), "cache": str(tmp_path / "cache")}
    return {**folders, "name": "ours", "asked": 0}


def test_every_stage_is_measured_through_the_service(arguments: dict[str, Any]) -> None:
    found = quality_footnote.measure(**arguments)
    assert found["chunks"] == len(TEXTS) - 1  # one of the texts is empty
    assert list(found["stages"]) == list(STAGES)
    for stage in found["stages"].values():
        assert len(stage["ndcg"]) == len(stage["ms"]) == 3
    assert found["stages"]["ranking"]["ndcg"] == [1.0, 1.0, 1.0]


def test_no_stage_looks_better_for_showing_more(
    arguments: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[int] = []

    class Counting(Figures):
        def add(self, question: Question, found: Sequence[Place], *rest: Any) -> None:
            shown.append(len(found))
            super().add(question, found, *rest)

    monkeypatch.setattr(quality_footnote, "Figures", Counting)
    monkeypatch.setattr(quality_footnote, "_MOST", 1)
    quality_footnote.measure(**arguments)
    assert set(shown) == {1}


def test_vectors_are_remembered_between_runs(arguments: dict[str, Any]) -> None:
    for _ in range(2):
        quality_footnote.measure(**arguments)
    with sqlite3.connect(Path(arguments["cache"]) / "vectors.sqlite") as db:
        assert db.execute("SELECT COUNT(*) FROM vectors").fetchone() == (len(TEXTS) - 1,)


@pytest.mark.parametrize(
    ("side", "needs"),
    [
        ("langchain", "langchain_qdrant"),
        ("llamaindex", "llama_index.retrievers.bm25"),
        ("haystack", "haystack"),
    ],
)
def test_other_libraries_search_the_same_passages(
    side: str, needs: str, arguments: dict[str, Any]
) -> None:
    pytest.importorskip(needs)
    module = pytest.importorskip(f"eval.bench.sides.quality_{side}")
    found = module.measure(**arguments)
    assert found["ndcg"] == [1.0, 1.0, 1.0]
    assert len(found["ms"]) == 3


def test_langchain_reranks_with_a_cross_encoder_where_there_is_one(
    tmp_path: Path, arguments: dict[str, Any]
) -> None:
    for needed in ("langchain_qdrant", "sentence_transformers"):
        pytest.importorskip(needed)
    module = pytest.importorskip("eval.bench.sides.quality_langchain")
    model = str(tiny_cross_encoder(tmp_path / "model"))
    reranked = module.measure(cross_encoder=model, **arguments)
    assert set(reranked["ndcg"]) <= {1.0, 0.63093, 0.5}  # at the random model's whim


def passage(name: str) -> Passage:
    return Passage(
        document_id=name, title="", source=name, page=None, heading="",
        start=0, end=1, text="x", score=0.0,
    )  # fmt: skip


def test_the_plain_fusion_is_that_of_the_paper() -> None:
    a, b, c, d = map(passage, "abcd")
    fused = quality_footnote.reciprocal_rank([[a, b, c], [b, d]])
    # b: 1/62 + 1/61; a: 1/61; d: 1/62; c: 1/63
    assert [found.source for found in fused] == ["b", "a", "d", "c"]
    assert quality_footnote.reciprocal_rank([[], []]) == []


def side(points: float, questions: int = 40, *, recall: float | None = None) -> dict[str, Any]:
    noise = np.random.default_rng(questions).normal(0, 0.01, questions)
    spans = [] if recall is None else [recall] * questions
    return {"ndcg": (points + noise).tolist(), "recall": spans, "ms": [5.0] * questions}


def measured(name: str, points: dict[str, float], **others: float) -> Measured:
    recall = 0.8 if name == "chunking_eval" else None
    stages = {stage: side(value, recall=recall) for stage, value in points.items()}
    ours = {"family": name.split("_")[0], "chunks": 100, "stages": stages}
    return Measured.of(name, ours, {other: side(value) for other, value in others.items()})


GOOD = {"bm25": 0.6, "dense": 0.65, "rrf": 0.68, "fusion": 0.7, "ranking": 0.72}
LOST = GOOD | {"fusion": 0.64, "ranking": 0.63}


def verdicts(*sets: Measured) -> dict[str, bool]:
    return {bar.what: bar.holds for bar in quality_figures.bars(sets)}


def test_a_gain_on_the_mean_does_not_hide_a_set_that_lost() -> None:
    assert all(verdicts(measured("scifact", GOOD), measured("cisi", GOOD)).values())
    mixed = verdicts(*(measured(f"s{n}", GOOD) for n in range(9)), measured("cisi", LOST))
    assert not mixed["fusion over BM25 or dense, worst set (cisi)"]
    assert not mixed["ranking over fusion, worst set (cisi)"]
    assert mixed["ranking over fusion, mean"]


def test_too_few_judged_characters_are_told() -> None:
    found = verdicts(measured("chunking_eval", GOOD))
    assert not found["judged characters within the top 5, chunking_eval"]


def test_the_report_names_every_set_library_and_interval(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    sets = [
        measured("scifact", GOOD, LangChain=0.6, Haystack=0.69),
        measured("chunking_eval", GOOD),
    ]
    outcome = Outcome(
        "quality",
        ours="Footnote",
        other="libraries",
        rows=quality_figures.rows(sets),
        bars=quality_figures.bars(sets),
        notes=quality_figures.notes(sets),
        tables=quality_tables.tables(sets),
        pictures=quality_tables.pictures(sets),
    )
    drawn = plot.draw(tmp_path, [outcome])
    assert all((tmp_path / name).stat().st_size > 10_000 for name in drawn | {"bench.png"})
    machine = {"date": "", "cores": 2, "cpu": "", "memory_gb": 1, "load": 0, "system": "",
               "python": "", "versions": {}}  # fmt: skip
    report.write(tmp_path, [outcome], machine, drawn)
    page = (tmp_path / "bench.md").read_text(encoding="utf-8")
    for expected in (
        "| scifact ", "| chunking_eval ", "| Haystack ", "| **mean** ", "recall@5",
        "**+2.0** [+2.0, +2.0]", "![What each stage finds](quality-stages.png)",
        "(quality-time.png)",
    ):  # fmt: skip
        assert expected in page
    assert json.loads((tmp_path / "bench.json").read_text())["benchmarks"][0]["tables"]


def test_a_library_that_searched_fewer_sets_gets_no_mean() -> None:
    sets = [
        measured("scifact", GOOD, LangChain=0.6, Haystack=0.69),
        measured("cisi", GOOD, LangChain=0.6),
    ]
    assert quality_figures.searched_by_all(sets) == (sets, ["LangChain"])


def test_a_set_that_is_not_there_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_beir(tmp_path / "ours")
    given = ["--data", str(tmp_path), "--sets", "ours,theirs", "--out", str(tmp_path / "out")]
    assert cli.main(["quality", *given]) == 1
    assert "no set theirs" in capsys.readouterr().out


def test_without_the_sets_it_is_skipped_with_a_word(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nowhere = str(tmp_path / "nowhere")
    given = ["quality", "questions", "--data", nowhere, "--out", str(tmp_path / "out")]
    assert cli.main(given) == 0
    said = capsys.readouterr().out
    assert f"no judged sets in {nowhere}: name their folder with --data" in said
    assert cli.main([*given, "--sets", "nosuch"]) == 0  # there is nothing at all
    assert "quality: skipped" in said and "questions: skipped" in said
