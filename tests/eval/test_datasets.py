from __future__ import annotations

import json
from pathlib import Path

import pytest

from app.core.errors import ConfigError
from eval.datasets import load_dataset
from tests.eval.conftest import line


def write(folder: Path, *lines: object) -> None:
    text = "\n".join(x if isinstance(x, str) else json.dumps(x) for x in lines)
    (folder / "questions.jsonl").write_text(text + "\n", "utf-8")


def test_a_dataset_is_found_by_folder_and_beside_the_suite(dataset: Path) -> None:
    by_path = load_dataset(str(dataset))
    beside = load_dataset("tiny", beside=dataset.parent)
    assert [q.id for q in by_path.questions] == ["t1", "t2", "t3", "t4", "t5"]
    assert by_path.digest == beside.digest
    assert by_path.paths == [dataset / "documents"]


def test_the_handbook_is_sound() -> None:
    handbook = load_dataset("handbook")
    assert len(handbook.questions) == 40
    assert sum(q.answerable for q in handbook.questions) == 32


def test_the_digest_sees_questions_and_documents(dataset: Path) -> None:
    before = load_dataset(str(dataset)).digest
    (dataset / "documents" / "leave.md").write_text("# Leave\n\n29 days.\n", "utf-8")
    changed = load_dataset(str(dataset)).digest
    write(dataset, line("t1", "How many days?", "leave.md", "29 days"))
    assert len({before, changed, load_dataset(str(dataset)).digest}) == 3


def test_a_line_separator_in_a_string_does_not_end_the_line(dataset: Path) -> None:
    record = line("t1", "How many\u2028days?", "leave.md", "28 days")
    write(dataset, json.dumps(record, ensure_ascii=False))
    assert load_dataset(str(dataset)).questions[0].question == "How many\u2028days?"


GOOD = line("t1", "How many days?", "leave.md", "28 days")


@pytest.mark.parametrize(
    ("fault", "named"),
    [
        ({**GOOD, "weight": 2}, "weight"),
        ({k: v for k, v in GOOD.items() if k != "kind"}, "kind"),
        ({**GOOD, "answerable": "yes"}, "answerable"),
        ({**GOOD, "question": "  "}, "question"),
        ({**GOOD, "expected": []}, "documents, expected and answer"),
        ({**GOOD, "expected": [""]}, "expected.0"),
        ({**GOOD, "answerable": False}, "unanswerable"),
        ("{not json", "line 2"),
        ("", "line 2"),
    ],
)
def test_a_line_that_does_not_fit_is_refused_by_number(
    dataset: Path, fault: object, named: str
) -> None:
    write(dataset, {**GOOD, "id": "t0"}, fault, {**GOOD, "id": "t2"})
    with pytest.raises(ConfigError) as raised:
        load_dataset(str(dataset))
    assert "line 2" in raised.value.message
    assert named in raised.value.message


def test_doubles_and_strangers_are_refused(dataset: Path) -> None:
    write(dataset, GOOD, GOOD)
    with pytest.raises(ConfigError, match="question id t1 occurs twice"):
        load_dataset(str(dataset))
    write(dataset, {**GOOD, "documents": ["nowhere.md"]})
    with pytest.raises(ConfigError, match=r"nowhere\.md, which is not ingested"):
        load_dataset(str(dataset))
    (dataset / "documents" / "old").mkdir()
    (dataset / "documents" / "old" / "leave.md").write_text("old", "utf-8")
    with pytest.raises(ConfigError, match=r"document name leave\.md occurs twice"):
        load_dataset(str(dataset))


def test_what_is_missing_is_named(dataset: Path) -> None:
    with pytest.raises(ConfigError, match="no dataset nothing") as raised:
        load_dataset("nothing")
    assert "handbook" in raised.value.hint
    with pytest.raises(ConfigError, match="papers is missing"):
        load_dataset(str(dataset), ["papers"])
    (dataset / "questions.jsonl").write_text("", "utf-8")
    with pytest.raises(ConfigError, match="holds no questions"):
        load_dataset(str(dataset))
