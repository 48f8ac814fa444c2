"""Markdown of any kind: it never takes long, and nothing but its printing marks is changed."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.formats.markdown import plain_line, tidy, unescaped, without_pictures

LINE = st.text(st.sampled_from("ab 1|#-*`~\\.[]()!<>&:\n"), max_size=60)


@given(text=LINE)
def test_letters_and_digits_are_never_lost(text: str) -> None:
    kept = [c for c in text if c.isalnum()]
    assert [c for c in unescaped(text) if c.isalnum()] == kept


@given(text=LINE.filter(lambda text: "![" not in text and "---" not in text))
def test_an_author_s_words_are_never_lost(text: str) -> None:
    _, tidied = tidy(text)
    assert [c for c in tidied if c.isalnum()] == [c for c in text if c.isalnum()]


def test_a_fence_that_is_never_closed_holds_code_to_the_end() -> None:
    assert unescaped("\\#\n~~~\n\\#\n```\n\\#\n") == "#\n~~~\n\\#\n```\n\\#\n"


def test_a_longer_fence_is_not_closed_by_a_shorter_one() -> None:
    code = "````md\n```\n\\#\n```\n\\*\n````\n"
    assert unescaped(code + "\\#") == code + "#"


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ('Browser based session[¶](#browser "Permanent link")', "Browser based session"),
        ('[Programming FAQ](#id2)[¶](#programming-faq "Permalink")', "Programming FAQ"),
        ("See [the [old] rules](a_(1).html), [this][r]", "See the [old] rules, [this][r]"),
        ("![Logo](logo.png) Acme [#](#acme)", "Logo Acme"),
        ("Leave ¶", "Leave"),
        ("**Annual** *leave* and ___sick___ ~~pay~~ ~", "Annual leave and sick pay ~"),
        ("The `f(*a, *b)` and ``__init__`` methods", "The f(*a, *b) and __init__ methods"),
        ("<https://example.com/a> and <a name='x'></a>links", "https://example.com/a and links"),
        ("5 * 3, 5*3, snake_case, R&amp;D <T>", "5 * 3, 5*3, snake_case, R&D <T>"),
        ("[GitHub] grid[0][1] (#5) ¶ 7, ~/.x", "[GitHub] grid[0][1] (#5) ¶ 7, ~/.x"),
        ("[¶](#only)", ""),
    ],
)
def test_a_heading_is_named_as_its_readers_see_it(written: str, read: str) -> None:
    assert plain_line(written) == read


def test_a_link_by_reference_is_read_as_its_words() -> None:
    assert plain_line("[Leave][1] [0]", {"1": {"href": "leave.md", "title": ""}}) == "Leave [0]"


@given(text=LINE.filter(lambda text: not set("<(&") & {*text}))
def test_a_plain_line_keeps_the_words(text: str) -> None:
    kept = [c for c in text if c.isalnum()]
    found = [c for c in plain_line(text) if c.isalnum()]
    assert found == kept


@pytest.mark.parametrize(
    "front", ["---\n---\n", "---\n- a\n---\n", "---\njust words\n---\n", "---\nkey: 'open\n---\n"]
)
def test_what_is_no_front_matter_stays(front: str) -> None:
    assert tidy(f"{front}\nText.\n") == ("", f"{front}\nText.\n")


@pytest.mark.parametrize("end", ["---", "..."])
def test_front_matter_gives_a_title_only_if_that_is_text(end: str) -> None:
    assert tidy(f"---\ntitle: Leave\n{end}\nText.\n") == ("Leave", "Text.\n")
    assert tidy(f"---\ntitle: [a, b]\n{end}\nText.\n") == ("", "Text.\n")


@pytest.mark.parametrize(
    "text",
    [
        "```\n" * 50_000,
        "`" * 200_000,
        "\\" * 200_000,
        "![" * 90_000,
        "![a](" * 50_000,
        "![x](" + "(" * 90_000,
        "a|" * 90_000,
        "a | b\n" * 40_000,
        "- | -\n" * 40_000,
        "a|b\n-|" + "-|" * 90_000,
        "---\n" * 50_000,
        "---\n" + "a: b\n" * 50_000,
    ],
)
def test_no_text_keeps_the_reader_busy_for_long(text: str) -> None:
    started = time.perf_counter()
    tidy(text)
    without_pictures(text)
    plain_line(text)
    assert time.perf_counter() - started < 5
