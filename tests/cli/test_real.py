"""The commands one after the other, over the real service in a fresh folder."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import Run

LEAVE = """# Handbook 🎉

## Annual leave

Full-time employees get 28 days of paid annual leave 🏖️ a year.

## Sick leave

Report sick to your manager by phone before nine in the morning.
"""


def test_from_a_folder_to_a_cited_answer_and_back(footnote: Run, tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "leave.md").write_text(LEAVE, "utf-8")

    first = footnote("ingest", "docs", "--tag", "team=hr", "--json")
    assert first.status == 0, first.err
    assert first.document["documents"]["added"] == 1
    again = footnote("ingest", "docs", "--tag", "team=hr", "--json")
    assert again.document["documents"]["unchanged"] == 1

    (document,) = footnote("documents", "list", "--json").document
    assert document["tags"] == {"team": "hr"}

    question = "How many days of paid annual leave do full-time employees get?"
    answer = footnote("ask", question, "--json").document
    assert answer["status"] == "answered"
    (citation, *_) = answer["citations"]
    assert LEAVE[citation["start"] : citation["end"]] == citation["quote"]
    assert "28 days" in answer["answer"]
    assert "28 days" in footnote("ask", "-", stdin=question).out

    (found, *_) = footnote("search", "annual leave", "-k", "1", "--json").document["passages"]
    assert found["document_id"] == document["document_id"]
    assert footnote("search", "leave", "--tenant", "other", "--json").document["passages"] == []

    missing = footnote("ingest", "nowhere", "--json")
    assert missing.status == 1
    assert missing.document["failures"][0]["source"] == "nowhere"

    (docs / "leave.md").unlink()
    assert (
        footnote("ingest", "docs", "--sync", "--yes", "--json").document["documents"]["deleted"]
        == 1
    )
    assert footnote("documents", "show", document["document_id"]).status == 1
