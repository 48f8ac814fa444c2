"""Office files: what readers see beside the running text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.formats import word97
from ingestion.parse import parse
from tests.support.paths import HANDBOOK
from tests.unit.ingestion import made

DECK = HANDBOOK / "all-hands-q3-2025.pptx"


def part(kind: str, *paragraphs: str) -> str:
    shown = "".join(f"<w:p><w:r><w:t>{text}</w:t></w:r></w:p>" for text in paragraphs)
    return f'<w:{kind} xmlns:w="{made.WORD}">{shown}</w:{kind}>'


def run(inside: str) -> str:
    return f"<w:p><w:r>{inside}</w:r></w:p>"


def text_of(data: bytes) -> str:
    return parse(data, "/x/a.docx").text


def test_the_figures_of_a_chart_stand_on_its_slide() -> None:
    document = parse(made.with_chart(DECK, 3), "/x/deck.pptx")
    (page,) = [page for page in document.pages if page.number == 3]
    assert document.text[page.start : page.end].endswith(
        "Pumps made\n\n|  | Graz | Brno |\n| --- | --- | --- |\n"
        "| 2024 | 1 | 3 |\n| 2025 | 2 | 4 |\n\n"
    )
    plain = parse(DECK.read_bytes(), "/x/deck.pptx")
    assert [p.number for p in document.pages] == [p.number for p in plain.pages]
    assert [p.start for p in document.pages] == [0, *(p.end for p in document.pages[:-1])]
    assert document.pages[-1].end == len(document.text)


def test_comments_headers_and_footers_of_a_word_file_are_found_once() -> None:
    comment = f'<w:comments xmlns:w="{made.WORD}"><w:comment w:author="Ann"><w:p><w:r><w:t>'
    comment += "Is 28 right?</w:t></w:r></w:p></w:comment></w:comments>"
    parts = {
        "word/comments.xml": comment,
        "word/header1.xml": part("hdr", "Confidential - Leave policy v3"),
        "word/header2.xml": part("hdr", "Confidential - Leave policy v3", "Leave is 28 days."),
        "word/footer1.xml": part("ftr", "Valid from May 2026", "Page 3 of 7", "12"),
    }
    document = parse(made.docx("Leave is 28 days.", parts=parts), "/x/leave.docx")
    assert document.title == "leave"
    assert document.text == (
        "Leave is 28 days.\n\n## Comments\n\n- Ann: Is 28 right?\n\n## Headers and footers\n\n"
        "Valid from May 2026\n\nConfidential - Leave policy v3\n"
    )


def test_a_damaged_comment_does_not_cost_the_text() -> None:
    assert text_of(made.docx("28 days.", parts={"word/comments.xml": "<w:"})) == "28 days.\n"


def test_words_that_a_tab_or_a_lasting_hyphen_keeps_apart_do_not_become_one() -> None:
    body = run("<w:t>A. Purpose</w:t><w:tab/><w:t>1-1</w:t>")
    body += run("<w:t>day</w:t><w:noBreakHyphen/><w:t>to</w:t><w:noBreakHyphen/><w:t>day</w:t>")
    assert text_of(made.docx(body=body)) == "A. Purpose 1-1\n\nday-to-day\n"


def test_a_formula_within_a_sentence_is_not_dropped() -> None:
    power = "<m:sSup><m:e><m:r><m:t>10</m:t></m:r></m:e>"
    power += "<m:sup><m:r><m:t>-4</m:t></m:r></m:sup></m:sSup>"
    formula = f"<m:oMath><m:r><m:t>θ&lt;2×</m:t></m:r>{power}</m:oMath>"
    body = f"<w:p><w:r><w:t xml:space='preserve'>The angle is </w:t></w:r>{formula}</w:p>"
    assert text_of(made.docx(body=body)) == "The angle is θ<2×10^-4\n"


# Tables of sheets


@pytest.mark.parametrize(
    ("rows", "text"),
    [
        ("Prices 2026,,\n,,\nName,Price,Town\nPump,5,Graz\n",
         "Prices 2026\n\n| Name | Price | Town |\n| --- | --- | --- |\n| Pump | 5 | Graz |\n"),
        ("Name,Price\nPump,5\n", "| Name | Price |\n| --- | --- |\n| Pump | 5 |\n"),
        ("Name\nPump\n", "| Name |\n| --- |\n| Pump |\n"),
        ("Name,\nPump,\n", "Name\n\n| Pump |  |\n| --- | --- |\n"),
    ],
)  # fmt: skip
def test_a_caption_above_a_table_is_not_its_header(rows: str, text: str) -> None:
    assert parse(rows.encode(), "a.csv").text == text


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.csv", "名前;年\n山田;3\n".encode("cp932")),
        ("a.csv", "名前,年\r\n山田,3\r\n".encode("utf-16")),
        ("a.csv", "名前\t年\n山田\t3\n".encode()),
        ("a.csv", "名前|年\n山田|3\n".encode("utf-8-sig")),
        ("a.tsv", "名前\t年\n山田\t3\n".encode()),
    ],
)
def test_a_table_is_a_table_whatever_divides_its_cells(name: str, data: bytes) -> None:
    assert parse(data, name).text == "| 名前 | 年 |\n| --- | --- |\n| 山田 | 3 |\n"


def test_tables_of_web_pages_are_not_padded() -> None:
    long = "x" * 60
    page = f"<table><tr><th>A</th><th>B</th></tr><tr><td>{long}</td><td>1</td></tr></table>"
    assert parse(page.encode(), "a.html").text == (f"| A | B |\n| --- | --- |\n| {long} | 1 |\n")


# Word 97


def test_an_old_word_file_keeps_its_paragraphs_and_tables_without_field_codes() -> None:
    plain = 'One\r\nFigure  SEQ Figure \\* ARABIC 1: Duck\n HYPERLINK "http://x" Home\n'
    plain += "\tA\tB\t\tC\tD\tE\t\t"
    assert word97.to_markdown(plain) == (
        "One\n\nFigure 1: Duck\n\nHome\n\n|  | A | B |\n| --- | --- | --- |\n| C | D | E |\n"
    )


@given(text=st.text(st.sampled_from('ab1 \t\n"\\|'), max_size=80))
def test_no_letter_of_an_old_word_file_is_lost(text: str) -> None:
    assert [c for c in word97.to_markdown(text) if c.isalnum()] == [c for c in text if c.isalnum()]
