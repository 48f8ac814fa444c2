"""The bundled reader: the place of an answer, and relevance that can be ranked by."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from app.adapters.reader import LONGEST_ANSWER, PLACES, BundledReader, likeliest
from app.core.ports import Reranker
from tests.contract.reranker import QUESTION, TEXTS, RerankerContract

FACTS = [
    ("When was the plant in Lund opened?",
     "The plant in Lund was opened in 1987 and employs 240 people.", "1987"),
    ("How many people work in Lund?",
     "The plant in Lund was opened in 1987 and employs 240 people.", "240"),
    ("Who founded the company?",
     "Meridian Pumps was founded by Astrid Lindqvist in a boat shed.", "Lindqvist"),
]  # fmt: skip


@pytest.fixture(scope="module")
def reader() -> BundledReader:
    return BundledReader(threads=2)


class TestBundledReader(RerankerContract):
    @pytest.fixture
    def reranker(self, reader: BundledReader) -> Reranker:
        return reader


@pytest.mark.parametrize(("question", "text", "answer"), FACTS)
async def test_a_fact_is_found_at_its_place(
    reader: BundledReader, question: str, text: str, answer: str
) -> None:
    (reading,) = await reader.read(question, [text])

    place = reading.places[0]
    assert answer in text[place.start : place.end]


async def test_what_answers_is_told_from_what_does_not(reader: BundledReader) -> None:
    right, wrong = await reader.read(QUESTION, [TEXTS[0], TEXTS[2]])

    assert right.relevance > wrong.relevance
    assert right.answerable > wrong.answerable


async def test_a_passage_is_read_once_for_ranking_and_answering(
    reader: BundledReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    ranked = await reader.read(QUESTION, TEXTS, places=False)
    monkeypatch.setattr(reader, "_session", None)
    answering = await reader.read(QUESTION, TEXTS[::-1])

    assert [replace(reading, places=()) for reading in answering] == ranked[::-1]
    assert not any(reading.places for reading in ranked)
    assert answering[-1].places


@pytest.mark.parametrize("question", ["", " ", "???", "東京", "x" * 20_000, "why " * 3000])
async def test_odd_questions_and_texts_are_read_too(reader: BundledReader, question: str) -> None:
    texts = ["", "\n", "🙂", "A fact. " * 2000, "東京は日本の首都です。"]

    for text, reading in zip(texts, await reader.read(question, texts), strict=True):
        assert all(0 <= place.start < place.end <= len(text) for place in reading.places)
        assert all(0 <= place.confidence <= 1 for place in reading.places)


async def test_the_reader_keeps_quiet_about_languages_that_it_did_not_learn(
    reader: BundledReader,
) -> None:
    texts = [
        "The Panthers' defense gave up just 308 points, ranking sixth in the league.",
        "Die Verteidigung der Panthers gab nur 308 Punkte ab und belegte damit den sechsten Rang.",
        "东京是日本的首都,人口超过一千三百万。",
    ]
    english, *others = await reader.read(QUESTION, texts)

    assert english.familiar
    assert english.places
    assert not any(reading.familiar or reading.places for reading in others)


LOGITS = st.integers(1, 40).flatmap(
    lambda n: st.tuples(
        *[arrays(np.float32, n, elements=st.floats(-50, 50, width=32)) for _ in range(2)]
    )
)


@given(LOGITS)
def test_the_likeliest_answer_is_the_best_of_all_short_ones(
    logits: tuple[np.ndarray, np.ndarray],
) -> None:
    starts, ends = logits
    count = len(starts)
    words = SimpleNamespace(
        word_ids=list(range(count)), offsets=[(2 * n, 2 * n + 1) for n in range(count)]
    )
    places = likeliest(starts, ends, words, "a " * count)
    start, end, confidence = places[0]

    first, last = start // 2, end // 2
    assert 0 <= first <= last < min(count, first + LONGEST_ANSWER)
    assert 0 <= confidence <= 1
    best = max(
        starts[i] + ends[j] for i in range(count) for j in range(i, min(count, i + LONGEST_ANSWER))
    )
    assert starts[first] + ends[last] == pytest.approx(best, abs=1e-3)
    assert len(set(places)) == len(places) <= PLACES


async def test_each_sentence_has_its_places_in_whole_words(reader: BundledReader) -> None:
    text = "Astrid Lindqvist founded Meridian. It sells unbreakable teapots in Gothenburg."
    (reading,) = await reader.read("Who founded Meridian?", [text])

    second = text.index("It")
    assert {place.start < second for place in reading.places} == {True, False}
    assert all(place.end <= second or place.start >= second for place in reading.places)
    for start, end, _ in reading.places:
        assert text[start - 1 : start] in ("", " ")
        assert not text[end : end + 1].isalnum()
