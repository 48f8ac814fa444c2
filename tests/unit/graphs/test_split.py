"""No text is lost, and no half of a sentence passed on, however a reply arrives."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphs.skills.split import SentenceStream
from graphs.skills.write import ModelWriter
from tests.unit.graphs.making import FakeGateway, run

_TOKENS = [
    "A", "b", "leave", "e.g.", "Dr.", "U.S.", "4.50", "1,000", "24/7", ".", "!", "?", "…", "...",
    " ", "  ", "\n", "\t", "\u00a0", "[1]", "[2, 3]", "[", "]", "[sic]", "12", '"', "”", ")", "-",
    "。", "年", "é", "\r\n",
]  # fmt: skip
texts = st.lists(st.sampled_from(_TOKENS), max_size=25).map("".join)


def split(*pieces: str) -> list[str]:
    stream = SentenceStream()
    return [s for piece in pieces for s in stream.feed(piece)] + stream.end()


@given(texts, st.data())
def test_where_the_stream_was_cut_changes_nothing(text: str, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=12)))
    pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    assert split(*pieces) == split(text) == split(*text)


@given(texts)
def test_no_character_is_lost_or_moved(text: str) -> None:
    assert re.sub(r"\s", "", "".join(split(text))) == re.sub(r"\s", "", text)
    assert all(sentence == sentence.strip() != "" for sentence in split(text))


@pytest.mark.parametrize(
    "sentences",
    [
        ["It costs EUR 4.50 [1].", "It is paid daily [2]."],
        ["It costs EUR 4.50. [1]", "It is paid daily. [2]"],
        ["It costs EUR 4.50.[1][2]", "It is paid daily.[2, 3]"],
        ["It costs EUR 4.50 [1][2].", "Is it paid? [2]", "Yes! [1]"],
        ["Ask e.g. The Hague, i.e. Dr. Who, approx. 20 times, at 5 p.m. Sharp [1].", "So [2]."],
        ["It moved to the U.S. in No. 5 of Art. 12 on 24/7 terms [1].", "It stayed [1]."],
        ["Read footnote.toml and app.core first [1].", "Then start [2]."],
        ["He said “no.” [1]", "She said (yes.) [2]"],
        ["No mark here.", "A mark here [1]."],
        ["In 2020.", "Employees stayed [1]."],
        ["年假是25天。[1]", "未用的作废。[2]"],
        ["It is so… [1]", "Or so... [2]"],
        ["As written [sic] there [1].", "Next [1]."],
    ],
    ids=lambda sentences: sentences[0][:24],
)
def test_sentences_end_where_readers_see_them_end(sentences: list[str]) -> None:
    assert split(" ".join(sentences)) == sentences


def test_lines_of_a_list_are_sentences() -> None:
    assert split("- One [1]\n- Two [2]\n\n- Three [3]") == ["- One [1]", "- Two [2]", "- Three [3]"]


def test_a_sentence_is_given_out_as_soon_as_the_next_one_begins() -> None:
    stream = SentenceStream()
    assert stream.feed("One") == stream.feed(" [1]") == stream.feed(".") == stream.feed(" ") == []
    assert stream.feed("T") == ["One [1]."]


@pytest.mark.parametrize("tail", [" [", " [1", " [1,", "  "])
def test_a_mark_still_on_its_way_is_waited_for(tail: str) -> None:
    assert SentenceStream().feed(f"Leave is 25 days.{tail}") == []


async def _written(*pieces: str, truncated: bool = False) -> list[tuple[str, list[int]]]:
    writer = ModelWriter(FakeGateway(pieces=pieces, truncated=truncated))
    return [(s.text, list(s.numbers)) async for s in writer.write("?", [], "", run())]


async def test_marks_become_numbers_and_leave_the_text() -> None:
    assert await _written("Leave [1] is 25 days [2, 3", "][1]. [4] It ends.", " [5]") == [
        ("Leave is 25 days.", [1, 2, 3, 4]),
        ("It ends.", [5]),
    ]


async def test_a_bullet_is_dropped_but_a_minus_is_not() -> None:
    assert await _written("- Leave is long [1]\n* So is work [1]\n-5 degrees are cold [1]") == [
        ("Leave is long", [1]),
        ("So is work", [1]),
        ("-5 degrees are cold", [1]),
    ]


@pytest.mark.parametrize("said", ["NO ANSWER", "No answer.", "**NO ANSWER**", " ", "...", "[1]"])
async def test_saying_nothing_is_no_sentence(said: str) -> None:
    assert await _written(said) == []


async def test_half_a_number_at_the_limit_of_tokens_is_not_written() -> None:
    assert await _written("One [1]. It costs EUR 4.", truncated=True) == [("One.", [1])]
