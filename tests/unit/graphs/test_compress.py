"""The evidence fits its budget and is still, character for character, the document."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from app.core.types import Passage
from graphs.skills.compress import SentenceCompressor
from tests.unit.graphs.making import WordScorer, count_words, passage

_SENTENCES = [
    "Leave is 25 days.", "Why?", "See footnote.toml, e.g. its first line.", "\n\n# Heading\n\n",
    "\n- An item of a list\n", "| a | b |\n|---|---|\n| 1 | 2 |\n", "Ünïcödé 年假 is text too!",
    "A rather long sentence that goes on for quite a few words before it ends.",
]  # fmt: skip
texts = st.lists(st.sampled_from(_SENTENCES), min_size=1, max_size=8).map(" ".join)
compressor = SentenceCompressor(WordScorer(), count_words)


@given(st.lists(texts, max_size=5), st.integers(1, 60), st.integers(0, 500))
async def test_what_is_kept_stands_at_its_place_and_within_the_budget(
    found: list[str], budget: int, start: int
) -> None:
    passages = [passage(text, f"d-{n}", start=start) for n, text in enumerate(found)]
    kept = await compressor.compress("How many days of leave?", passages, budget)
    assert [item.number for item in kept] == list(range(1, len(kept) + 1))
    for item in kept:
        shift = item.start - item.passage.start
        assert item.text == item.passage.text[shift : shift + len(item.text)]
        assert item.text.strip()
    assert sum(count_words([item.text for item in kept])) <= budget or len(kept) == 1
    if sum(count_words(found)) <= budget:
        assert [item.text for item in kept] == [text for text in found if text.strip()]
    assert bool(kept) == any(text.strip() for text in found)


async def test_short_passages_leave_their_room_to_long_ones() -> None:
    long = " ".join(f"Sentence {n} is here." for n in range(10))
    short = "Leave is 25 days."
    kept = await compressor.compress("How many days?", [passage(long), passage(short, "d-2")], 34)
    assert [len(item.text.split()) for item in kept] == [28, 4]


async def test_where_not_even_sentences_fit_the_best_passages_do() -> None:
    found = [passage("Leave is twenty-five days a year.", f"d-{n}") for n in range(4)]
    kept = await compressor.compress("How many days is leave?", found, 16)
    assert [item.passage.document_id for item in kept] == ["d-0", "d-1"]
    assert len(await compressor.compress("How many days is leave?", found, 1)) == 1


async def test_the_sentence_that_answers_survives() -> None:
    text = "The office is old. Leave is 25 days a year. The canteen is new. Cake is free."
    [kept] = await compressor.compress("How many days is leave a year?", [passage(text)], 6)
    assert kept.text == "Leave is 25 days a year."


async def test_neighbours_of_the_best_sentence_come_along_while_they_fit() -> None:
    text = "Zeta. Leave is 25 days. It lapses in March. Eta theta iota kappa lambda my ny xi."
    [kept] = await compressor.compress("How many days is leave?", [passage(text)], 9)
    assert kept.text == "Zeta. Leave is 25 days. It lapses in March."


async def test_no_passages_no_evidence() -> None:
    nothing: list[Passage] = []
    assert await compressor.compress("?", nothing, 100) == []
    assert await compressor.compress("?", [passage(" \n ")], 100) == []
