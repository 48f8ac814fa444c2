"""Sentences with their places: a span that is off by one makes every quote a lie."""

from __future__ import annotations

import time
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.core.text import WORD, Span, is_table_row, sentence_spans, table_header, words

LINES = st.sampled_from(
    [
        "# Heading",
        "| a | b |",
        "|---|:-:|",
        "| 25 days | 日本。 |",
        "- An item. Two of them.",
        "  that goes on",
        "12) Numbered!",
        "> Quoted, e.g. here.",
        "```python",
        "x = {1: '.'}  # no. 3",
        "~~~",
        "---",
        "<!-- page 3 -->",
        "",
        " \t",
        "Dr. Smith earns $3.50 p.a. He says so.",
        "今日は天気がいい。明日は雨です。",
        "هذا نص. وهذا آخر؟",
        "e\u0301 \U0001f469\u200d\U0001f4bb \u00ad. \ufeffEnd",
    ]
)
MARKDOWN = st.lists(LINES).flatmap(
    lambda lines: st.sampled_from(["\n", "\r\n", "\r", "\u2028"]).map(lambda end: end.join(lines))
)
PROSE = st.text(st.sampled_from("abz éß日。א .,!?'\"“”()\n0123"), max_size=200)


def quotable(text: str) -> list[str]:
    return [text[span.start : span.end] for span in sentence_spans(text)]


@given(st.text() | MARKDOWN | st.text(st.sampled_from("|-: \n\r#>*_=`~1.)•x\x0b\x85")))
@example("\ud800 lone surrogate. End.")
@example("\x00.\x00")
def test_any_text_gives_ordered_disjoint_spans_without_blanks_around(text: str) -> None:
    spans = sentence_spans(text)

    for span in spans:
        assert 0 <= span.start < span.end <= len(text)
        quote = text[span.start : span.end]
        assert quote == quote.strip()
        assert WORD.search(quote)
    assert all(one.end <= other.start for one, other in pairwise(spans))


@given(PROSE)
def test_no_word_of_prose_is_lost_or_cut(text: str) -> None:
    """Sentences are counted from the splitter's pieces: were one short, all after it would
    be moved."""
    spans = sentence_spans(text)
    for word in WORD.finditer(text):
        line = text[: word.start()].rsplit("\n", 1)[-1]
        if not line.strip() and text[word.end() : word.end() + 1] in ".)":
            continue  # the number of a list item
        assert any(s.start <= word.start() and word.end() <= s.end for s in spans), word


@given(MARKDOWN)
def test_reading_twice_gives_the_same(text: str) -> None:
    assert sentence_spans(text) == sentence_spans(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One. Two! Three? Four", ["One.", "Two!", "Three?", "Four"]),
        ("It runs\nover a line. Next.", ["It runs\nover a line.", "Next."]),
        ("One.\r\nTwo.\r\n\r\nThree.", ["One.", "Two.", "Three."]),
        ("See Fig. 3, e.g. by Dr. Smith.", ["See Fig. 3, e.g. by Dr. Smith."]),
        ("It costs $3.50. Version 2.0.1 is out.", ["It costs $3.50.", "Version 2.0.1 is out."]),
        ("He said “Stop.” Then he left.", ["He said “Stop.”", "Then he left."]),
        ("今日は雨。明日は?晴れ!", ["今日は雨。", "明日は?", "晴れ!"]),
        ("# Leave\n\nYou get 25 days.", ["You get 25 days."]),
        ("### 4.2 Leave ###\nYou get 25.", ["You get 25."]),
        ("a\n---\nb\n***\nc\n", ["a", "b", "c"]),
        ("<!-- page 2 -->\nText.", ["Text."]),
        ("- One.\n- Two. Three.\n* Four", ["One.", "Two.", "Three.", "Four"]),
        ("- It goes\n  on here.\n- Next", ["It goes\n  on here.", "Next"]),
        ("1. First\n2) Second", ["First", "Second"]),
        ("> Quoted. Text.", ["Quoted.", "Text."]),
        ("| A | B |\n|---|---|\n| 1. x | 2 |", ["| A | B |", "| 1. x | 2 |"]),
        ("Text.\n| A |\n|:-:|\nMore.", ["Text.", "| A |", "More."]),
        ("| | |\n| 1 | |", ["| 1 | |"]),
        ("```\nx = 1\n# y. z\n\n```\nText.", ["x = 1", "# y. z", "Text."]),
        ("~~~sh\nls -l\n~~~", ["ls -l"]),
        ("  \u3000Text.\u00a0 ", ["Text."]),
        ("", []),
        (" \n\t\r\n", []),
        ("...", []),
    ],
)
def test_what_can_be_quoted(text: str, expected: list[str]) -> None:
    assert quotable(text) == expected


@pytest.mark.parametrize(
    "line",
    ["|" * 50_000 + "x", "| " * 25_000 + "x", " " * 50_000 + "x", "- " * 25_000, ">" * 50_000],
)
def test_an_endless_line_does_not_hang_the_service(line: str) -> None:
    started = time.perf_counter()

    sentence_spans(line)

    assert time.perf_counter() - started < 5


TABLE = (
    "Text | with a pipe\n\n| City | Office |\n|---|---|\n| Bonn | 1 |\n| | |\n| Köln | 2 |\n\n| x |"
)


def test_a_row_knows_the_header_of_its_table() -> None:
    spans = {TABLE[s.start : s.end]: s for s in sentence_spans(TABLE)}
    header = Span(TABLE.index("| City"), TABLE.index("\n|---") + 1)

    for row in ("| Bonn | 1 |", "| Köln | 2 |"):
        assert table_header(TABLE, spans[row]) == header
        assert is_table_row(row)
    assert table_header(TABLE, spans["| x |"]) is None
    assert table_header(TABLE, spans["| City | Office |"]) is None
    assert not is_table_row("Text | with a pipe")


def test_words_of_any_script_are_compared_without_case() -> None:
    assert words("Full-time ÄRZTE, 25 days; 日本 don't") == [
        "full", "time", "ärzte", "25", "days", "日本", "don", "t",
    ]  # fmt: skip
