"""What passages are called, so that a question which names a document finds it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.names import breadcrumb
from app.core.types import ParsedDocument, Passage


def called(source: str, title: str, heading: str = "") -> str:
    return breadcrumb(ParsedDocument(source, title, ""), heading)


@pytest.mark.parametrize(
    ("source", "title", "heading", "name"),
    [
        ("/x/ACME_2018_10K.pdf", "FORM 10-K", "Item 7", "ACME 2018 10K > FORM 10-K > Item 7"),
        ("https://docs.test/billing#started", "Get started", "", "billing > Get started"),
        ("/x/mail.eml!/Offer Nord.pdf", "Our prices", "", "Offer Nord > Our prices"),
        ("/x/Urlaubsregeln-Wien.docx", "Urlaub", "", "Urlaubsregeln Wien > Urlaub"),
        ("/x/休假.pdf", "HR", "", "休假 > HR"),
        ("/x/Nordwind 2024.pdf", "", "", "Nordwind 2024"),
        ("/x/remote_work_2025.md", "Remote work", "", "2025 > Remote work"),
        # What is said already, or tells nothing, is left out.
        ("/x/remote-work.md", "Remote Work", "Abroad", "Remote Work > Abroad"),
        ("/x/remote_work_v2.md", "Remote work", "", "Remote work"),
        ("/x/leave.md", "Handbook", "Leave > Annual", "Handbook > Leave > Annual"),
        ("/x/scan0012.pdf", "Contract", "", "Contract"),
        ("/x/final_v2.docx", "Contract", "", "Contract"),
        ("/x/3f2a9c1e-77b0-4d6c.pdf", "Contract", "", "Contract"),
        ("corpus/13734012", "A study", "", "A study"),
    ],
)
def test_a_file_is_called_by_its_name_where_its_title_does_not_tell(
    source: str, title: str, heading: str, name: str
) -> None:
    assert called(source, title, heading) == name


def test_the_title_stands_once_where_the_headings_begin_with_it() -> None:
    assert called("/x/s.md", "Leave", "Leave > Annual") == "Leave > Annual"
    assert called("/x/s.md", "Leave", "Leave of absence") == "Leave > Leave of absence"
    assert called("/x/s.md", "Leave", "Leave") == called("/x/s.md", "Leave") == "Leave"


@given(st.text(), st.text(), st.text())
def test_whatever_files_are_called_title_and_headings_are_kept(
    source: str, title: str, heading: str
) -> None:
    name = called(source, title, heading)

    assert name.endswith(heading or title) and title in name


def test_a_passage_is_read_by_the_name_under_which_it_is_searched() -> None:
    passage = Passage(
        document_id="d", title="FORM 10-K", source="/x/ACME_2018_10K.pdf", page=3,
        heading="Item 7", start=0, end=4, text="Text", score=1.0,
    )  # fmt: skip

    assert passage.context == called(passage.source, passage.title, passage.heading)
