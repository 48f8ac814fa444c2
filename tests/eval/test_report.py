from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from app.core.exchange import Failure
from app.core.types import Status
from eval.compare import compare_rows, remarks, turned
from eval.gates import judge_all
from eval.markdown import escape, render, worst
from eval.metadata import Metadata
from eval.metrics import Group, measure, whole
from eval.metrics.score import Asked, Measure, Outcome, Score, aggregate
from eval.report import Report, Row, read_report
from eval.suite import Bound
from eval.tables import number
from tests.eval.samples import abstention, answer, asked, citation, refusable


def metadata(**changes: object) -> Metadata:
    plain = {
        "started": datetime(2026, 11, 21, tzinfo=UTC),
        "seconds": 1.5,
        "commit": "abc",
        "versions": {"footnote": "0.1"},
        "machine": "Linux",
        "models": {"dense": "minilm", "chat": ""},
        "prompts": {},
        "settings": {"reranking": {"model": "bundled"}},
        "dataset": "tiny",
        "dataset_sha256": "0" * 64,
        "questions": 3,
        "documents": 1,
        "chunks": 1,
    }
    return Metadata.model_validate({**plain, **changes})


def row(found: Asked) -> Row:
    return Row(
        id=found.question.id,
        kind=found.question.kind,
        question=found.question.question,
        answerable=found.question.answerable,
        expected=found.question.expected,
        documents=found.question.documents,
        found=[],
        answer=found.answer,
        wall_ms=1.0,
        error=found.error,
        measures=dict(measure(found, list(Group))),
    )


def report(*found: Asked, **changes: object) -> Report:
    rows = [row(a) for a in found]
    scores = {**aggregate(r.measures for r in rows), **whole(Outcome(found), list(Group))}
    return Report(
        suite="tiny",
        metadata=metadata(**changes),
        scores=scores,
        by_kind={"fact": aggregate(r.measures for r in rows)},
        gates=judge_all({"answer_contains": Bound(min=1), "missing": Bound(max=0)}, scores),
        notes=["not measured: a | b"],
        failures=[Failure("x.pdf", "broken", "")],
        rows=rows,
    )


RIGHT = asked("q1", answer=answer("25 days [1]", citations=[citation(1)], sentences=[[1]]),
              canonical=["Leave is 25 days."], wall_ms=10.0)  # fmt: skip
WRONG = asked("q1", answer=answer("24 days <b>|", sentences=[[]]))
ANSWERED = refusable("q2", answer=answer("It is cheese."))
REFUSED = refusable("q2", answer=abstention())
FAILED = asked("q3", error="ask: the model is away")


def test_a_report_survives_its_file(tmp_path: Path) -> None:
    before = report(RIGHT, ANSWERED, FAILED)
    (tmp_path / "report.json").write_text(before.model_dump_json(), "utf-8")
    assert read_report(tmp_path / "report.json") == read_report(tmp_path) == before
    undetermined = Row.model_validate({**before.rows[0].model_dump(), "measures": {"m": (None, 1)}})
    assert Row.model_validate_json(undetermined.model_dump_json()).measures["m"] == Measure(None)


def test_the_page_shows_verdict_gates_and_what_went_wrong() -> None:
    page = render(report(WRONG, ANSWERED, FAILED), ["latency.png"])
    assert page.startswith("# tiny: **a gate does not hold**")
    assert "DOES NOT HOLD: it was not measured" in page
    assert "NOT INGESTED: x.pdf" in page
    assert "![latency](latency.png)" in page
    assert page.index("the model is away") < page.index("It is cheese") < page.index("24 days")
    assert "<b>" not in page


def test_the_worst_come_first_and_what_is_right_not_at_all() -> None:
    rows = [row(a) for a in (RIGHT, WRONG, ANSWERED, REFUSED, FAILED)]
    assert [(r.id, r.error) for r in worst(rows)] == [("q3", FAILED.error), ("q2", ""), ("q1", "")]
    assert "None: all are right." in render(report(RIGHT))


def test_a_baseline_adds_differences() -> None:
    page = render(report(WRONG), baseline=report(RIGHT, dataset_sha256="1" * 64))
    assert "| answer\\_contains | 0 | 1 | 0 | -1 |" in page
    assert "another dataset" in page


def test_two_reports_are_compared() -> None:
    before, after = report(RIGHT, ANSWERED), report(WRONG, REFUSED)
    rows = {name: values for name, *values in compare_rows(before, after)}
    assert rows["answer_contains"] == ["1", "0", "-1"]
    assert rows["citation_exactness"] == ["1", "–", "–"]
    assert turned(before.rows, after.rows, to=0.0) == ["q1"]
    assert turned(before.rows, after.rows, to=1.0) == ["q2"]
    assert list(remarks(before, after)) == ["newly wrong: q1", "newly right: q2"]
    other = report(WRONG, settings={"reranking": {"model": "none"}}, dataset_sha256="1" * 64)
    assert any("different datasets" in remark for remark in remarks(before, other))
    assert "different settings: reranking.model: bundled → none" in remarks(before, other)


def test_numbers_are_short() -> None:
    found = [number(x) for x in (None, 0.0, 1.0, 31 / 32, 12.345, 1234.5)]
    assert found == ["–", "0", "1", "0.9688", "12.3", "1234"]
    assert number(0.25, signed=True) == "+0.25"


def test_markdown_is_escaped() -> None:
    assert escape("a | b\n*c* <script> [1]") == r"a \| b \*c\* &lt;script> \[1\]"


def test_an_unverified_answer_to_the_unanswerable_is_wrong() -> None:
    found = refusable(answer=answer(status=Status.UNVERIFIED))
    assert worst([row(found)])
    assert aggregate([row(found).measures])["abstained_unanswerable"] == Score(value=0, count=1)
