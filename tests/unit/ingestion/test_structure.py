"""A PDF's tree to Markdown: nothing is lost but what runs along the pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.formats.structure import to_markdown

Node = Mapping[str, Any]


def node(kind: str, page: int | None = None, **content: Any) -> Node:
    return {"content": {"node_type": kind, **content}, **({"page": page} if page else {})}


def paragraph(text: str, page: int | None = None) -> Node:
    return node("paragraph", page, text=text)


def table(rows: Sequence[Sequence[str]], page: int | None = None) -> Node:
    cells = [
        {"row": r, "col": c, "content": text}
        for r, row in enumerate(rows)
        for c, text in enumerate(row)
    ]
    return node("table", page, grid={"rows": len(rows), "cols": len(rows[0]), "cells": cells})


NODES = st.lists(
    st.one_of(
        st.builds(paragraph, st.text(max_size=40), st.none() | st.integers(1, 5)),
        st.builds(
            lambda text, level, page: node("heading", page, text=text, level=level),
            st.text(max_size=20), st.integers(1, 6), st.none() | st.integers(1, 5),
        ),
        st.builds(lambda text: node("list_item", 2, text=text), st.text(max_size=20)),
        st.builds(lambda text: node("code", text=text), st.text(max_size=20)),
        st.builds(lambda cell: table([["A", cell], [cell, ""]], 3), st.text(max_size=9)),
        st.sampled_from([node("page_break"), node("image"), node("group", heading_text="x")]),
    ),
    max_size=12,
)  # fmt: skip


@given(nodes=NODES)
def test_pages_tile_the_text_in_order(nodes: list[Node]) -> None:
    text, pages = to_markdown(nodes)
    assert [page.start for page in pages] == [0, *(page.end for page in pages)][: len(pages)]
    assert (pages[-1].end if pages else 0) == len(text)
    numbers = [page.number for page in pages]
    assert numbers == sorted(set(numbers))
    assert all(page.end > page.start for page in pages)


@given(texts=st.lists(st.from_regex(r"[a-z]{3,8}( [a-z]{3,8}){0,9}", fullmatch=True), unique=True))
def test_every_word_of_a_page_is_kept(texts: list[str]) -> None:
    text, _ = to_markdown([paragraph(line, 1) for line in texts])
    assert text.split() == " ".join(texts).split()


def test_a_table_keeps_its_rows_and_its_pipes() -> None:
    text, _ = to_markdown([table([["Model", "Flow"], ["DP40|S", "40\nlitres"], ["DP20", ""]])])
    assert text == "| Model | Flow |\n| --- | --- |\n| DP40\\|S | 40 litres |\n| DP20 |  |\n\n"


def test_an_empty_table_says_nothing() -> None:
    grid: Node = {"rows": 0, "cols": 0, "cells": []}
    assert to_markdown([node("table", 1, grid=grid)]) == ("", [])


def test_list_items_are_list_items_whatever_sign_they_had() -> None:
    items = [node("list_item", 1, text=text) for text in ("Ask first", "• Book early", "- Pay")]
    assert to_markdown(items)[0] == "- Ask first\n\n- Book early\n\n- Pay\n\n"


def test_a_heading_keeps_its_level_and_a_sentence_is_none() -> None:
    text, _ = to_markdown(
        [
            node("heading", 1, text="Annual\nleave", level=3),
            node("heading", 1, text="is 28 days a year.", level=1),
            paragraph("2.1 Sick leave\nCall before nine.", 1),
        ]
    )
    assert text == "### Annual leave\n\nis 28 days a year.\n\n### 2.1 Sick leave\n\n" + (
        "Call before nine.\n\n"
    )


def test_code_keeps_its_lines() -> None:
    assert to_markdown([node("code", 1, text="a\n b")])[0] == "```\na\n b\n```\n\n"


def test_a_sentence_that_is_cut_within_a_page_is_made_whole() -> None:
    text, _ = to_markdown([paragraph("Leave is", 1), paragraph("28 days.", 1)])
    assert text == "Leave is\n\n28 days.\n\n"
    text, _ = to_markdown([paragraph("Leave is given", 1), paragraph("once a year.", 1)])
    assert text == "Leave is given\nonce a year.\n\n"


def test_a_sentence_that_is_cut_between_pages_stays_on_both() -> None:
    _, pages = to_markdown([paragraph("Leave is given", 1), paragraph("once a year.", 2)])
    assert [page.number for page in pages] == [1, 2]


def pages_of(lines: Sequence[Sequence[str]]) -> list[Node]:
    return [paragraph("\n".join(found), n) for n, found in enumerate(lines, start=1)]


def test_headers_and_page_numbers_are_left_out() -> None:
    text, _ = to_markdown(
        pages_of([["Acme manual 2025 - page 1", "Leave is long.", "x", "y", "1"],
                  ["Acme manual 2025 - page 2", "Book early.", "z", "w", "2"],
                  ["Acme manual 2025 - page 3", "Lock it.", "u", "v", "3"]])
    )  # fmt: skip
    assert "Acme" not in text
    assert text.split("\n\n")[:3] == ["Leave is long.\nx\ny", "Book early.\nz\nw", "Lock it.\nu\nv"]


def test_page_numbers_that_begin_elsewhere_are_left_out() -> None:
    text, _ = to_markdown(pages_of([["Leave.", "a", "b", "91"], ["Travel.", "c", "d", "92"]]))
    assert "9" not in text


def test_a_title_that_runs_on_over_the_pages_stays_once() -> None:
    text, pages = to_markdown(
        pages_of([["Staff handbook", "Leave.", "a", "b", "c"],
                  ["Staff handbook", "Travel.", "d", "e", "f"]])
    )  # fmt: skip
    assert text.count("Staff handbook") == 1
    assert text.index("Staff handbook") < pages[0].end


@pytest.mark.parametrize("lines", [5, 9])
def test_a_line_that_recurs_in_the_middle_of_pages_is_content(lines: int) -> None:
    page = [f"Row {n}" for n in range(lines)]
    text, _ = to_markdown(pages_of([["A", "a", *page, "B", "b"], ["C", "c", *page, "D", "d"]]))
    assert all(text.count(line) == 2 for line in page)


def test_what_stands_on_few_pages_is_content() -> None:
    pages = [[f"Top {n * 'x'}", "a", "b", "c"] for n in range(6)]
    pages[1][0] = pages[4][0] = "Results"
    assert to_markdown(pages_of(pages))[0].count("Results") == 2
