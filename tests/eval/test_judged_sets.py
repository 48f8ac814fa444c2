"""Published sets are read as their authors meant them."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from eval.judged.sets import MissingSetError, Question, Text, present, read
from tests.support.judged import QUESTIONS, TEXTS, write_beir
from tests.support.paths import SHARED

DATA = SHARED / "data"


def write(file: Path, content: Any) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(content) + "\n", encoding="utf-8")


def test_a_folder_in_beirs_form_is_read_whatever_its_name(tmp_path: Path) -> None:
    write_beir(tmp_path / "ours")
    found = read(tmp_path, "ours")
    assert [text.title for text in found.texts] == [title for title, _ in TEXTS.values()]
    asked = {question.text: dict(question.grades) for question in found.questions}
    assert asked == {text: {f"ours/{answer}": 1.0} for text, answer in QUESTIONS.values()}
    assert not found.has_spans


def test_a_missing_set_says_where_it_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(MissingSetError, match=r"scifact.*--data"):
        read(tmp_path, "scifact")
    assert present(tmp_path) == []


def test_questions_without_an_answer_are_not_asked(tmp_path: Path) -> None:
    asked = [
        {"question": " Who wrote it? ", "is_impossible": False},
        {"question": "Who sang it?", "is_impossible": True},
    ]
    article = {"title": "A_Song", "paragraphs": [{"context": "Ann wrote it.", "qas": asked}]}
    write(tmp_path / "squad2" / "part.json", {"data": [article]})
    found = read(tmp_path, "squad2")
    assert found.texts == [Text("squad2/p0", "A Song", "Ann wrote it.")]
    assert found.questions == [Question("Who wrote it?", {"squad2/p0": 1.0})]


def test_claims_that_their_page_does_not_support_are_not_asked(tmp_path: Path) -> None:
    page = ["(meta data) TITLE: About us", "We make pumps.", "Since 1950."]
    rows = [
        {"claim": "They make pumps.", "evidence": page, "label": "supported"},
        {"claim": "They make cars.", "evidence": page, "label": "not_supported"},
    ]
    file = tmp_path / "wice/data/entailment_retrieval/claim/dev.jsonl"
    file.parent.mkdir(parents=True)
    file.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    found = read(tmp_path, "wice")
    assert found.texts == [Text("wice/d0", "About us", "We make pumps.\nSince 1950.")]
    assert found.questions == [Question("They make pumps.", {"wice/d0": 1.0})]


def test_reference_spans_are_characters_of_the_text(tmp_path: Path) -> None:
    folder = tmp_path / "chunking_eval"
    (folder / "corpora").mkdir(parents=True)
    (folder / "corpora" / "talk.md").write_text("Fees fall. Rents rise.", encoding="utf-8")
    with (folder / "questions_df.csv").open("w", encoding="utf-8", newline="") as file:
        rows = csv.DictWriter(file, ["question", "references", "corpus_id"])
        rows.writeheader()
        spans = json.dumps([{"content": "Rents rise.", "start_index": 11, "end_index": 22}])
        rows.writerow({"question": "What rises?", "references": spans, "corpus_id": "talk"})
    found = read(tmp_path, "chunking_eval")
    (question,), (text,) = found.questions, found.texts
    (span,) = question.spans
    assert text.body[span.start : span.end] == "Rents rise."
    assert dict(question.grades) == {text.key: 1.0}
    assert found.has_spans


def test_a_sample_is_the_same_every_time(tmp_path: Path) -> None:
    write_beir(tmp_path / "ours")
    whole = read(tmp_path, "ours")
    assert whole.sample(2) == whole.sample(2)
    assert len(whole.sample(2).questions) == 2
    assert whole.sample(0) == whole.sample(100) == whole


@pytest.mark.skipif(not DATA.is_dir(), reason=f"no published sets in {DATA}")
def test_the_published_sets_are_whole() -> None:
    sizes = {name: read(DATA, name) for name in present(DATA)}
    counted = {name: (len(one.texts), len(one.questions)) for name, one in sizes.items()}
    assert counted["scifact"] == (5183, 809)
    assert counted["cranfield"] == (1400, 225)
    assert counted["cisi"] == (1460, 76)
    assert counted["medline"] == (1033, 30)
    assert counted["docs_rag"] == (232, 100)
    assert counted["chunking_eval"] == (5, 472)
    assert counted["squad2"] == (262, 1140)
    assert counted["xquad"] == counted["xquad_zh"] == (240, 1190)
    for one in sizes.values():
        keys = {text.key for text in one.texts}
        assert len(keys) == len(one.texts)
        assert all(keys >= question.grades.keys() for question in one.questions)
