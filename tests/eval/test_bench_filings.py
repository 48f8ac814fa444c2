"""The bench of filings: files in, and the page on which each question is answered."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from eval.bench import filings, report
from eval.bench.quality_figures import STAGES
from eval.bench.sizes import Judged
from tests.unit.ingestion import made

PAGES = {
    "NORD_2023_10K": ["Risks of shipping pumps by sea.", "Total assets were EUR 31 million."],
    "CALDER_2023_10K": ["Total assets were EUR 57 million.", "Leases of warehouses in Leeds."],
}
QUESTIONS = [
    ("What were Nord's total assets in 2023?", "NORD_2023_10K", [1]),
    ("Where does Calder lease warehouses?", "CALDER_2023_10K", [1]),
    ("What did Calder pay for paper clips?", "CALDER_2023_10K", [7]),
]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / filings.FOLDER
    (folder / "pdfs").mkdir(parents=True)
    for name, pages in PAGES.items():
        (folder / "pdfs" / f"{name}.pdf").write_bytes(made.pdf([[page] for page in pages]))
    rows = [
        {"question": q, "doc_name": d, "evidence": [{"evidence_page_num": p} for p in pages]}
        for q, d, pages in QUESTIONS
    ]
    (folder / "questions.jsonl").write_text("".join(f"{json.dumps(r)}\n" for r in rows), "utf-8")
    return tmp_path


def test_a_page_counts_where_it_is_found_and_a_missing_one_nowhere(data: Path) -> None:
    outcome = filings.run(Judged(data=data))

    (row,) = outcome.rows
    assert (row.ours, row.unit) == (2.0, "of 3")
    (table,) = outcome.tables
    assert [shown for shown, *_ in table.rows] == list(STAGES.values())
    assert table.rows[-1][1:] == ("3", "2", "2", "2")
    assert "2 filings" in report.text([outcome])


def test_without_the_filings_it_says_where_they_are_missed(tmp_path: Path) -> None:
    outcome = filings.run(Judged(data=tmp_path))

    assert not outcome.rows and str(tmp_path) in outcome.notes[0]
