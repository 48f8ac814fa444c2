"""The second look: the likeliest sentences are read again, alone and among their neighbours."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from app.adapters.reader import BundledReader
from app.core.text import Span, sentence_spans
from graphs.skills.places import Likelihoods
from graphs.skills.second_look import READ_AGAIN, Candidate, Sentence, look_again, shares_of

TEXT = (
    "Ostrevane was founded in 1987. Its first pump was sold in 1991. The works in Graz opened in "
    "1996. The second line in Brno followed in 2004. A third one is planned for 2030."
)
QUESTION = "When did the works in Graz open?"


@pytest.fixture
async def reader() -> AsyncIterator[BundledReader]:
    """The one that comes along."""
    made = BundledReader()
    yield made
    await made.close()


def in_each_sentence() -> list[Candidate]:
    """The last words of every sentence, as likely in one as in another."""
    spans = sentence_spans(TEXT)
    found = []
    for number in range(len(spans)):
        sentence = Sentence.of(TEXT, spans, number)
        end = len(sentence.alone) - 1
        found.append(Candidate(sentence, Span(end - 4, end), Likelihoods(0.1, 0.3 + number / 100)))
    return found


def test_a_sentence_stands_among_its_neighbours_and_at_the_ends_beside_the_one_there_is() -> None:
    spans = sentence_spans(TEXT)
    first, *inner, last = (Sentence.of(TEXT, spans, n) for n in range(len(spans)))

    assert first.around == TEXT[: spans[1].end]
    assert last.around == TEXT[spans[-2].start :]
    for sentence in (first, *inner, last):
        assert sentence.around[sentence.before :].startswith(sentence.alone)
    assert inner[0].around == TEXT[: spans[2].end]


async def test_a_second_look_finds_the_year_that_was_asked_for(reader: BundledReader) -> None:
    candidates = in_each_sentence()

    shares = shares_of(await look_again(QUESTION, candidates, reader))

    best = candidates[max(range(len(shares)), key=shares.__getitem__)]
    assert best.sentence.alone == "The works in Graz opened in 1996."
    assert sum(shares) == pytest.approx(1)


async def test_only_the_likeliest_sentences_cost_another_reading(reader: BundledReader) -> None:
    candidates = in_each_sentence()

    said = await look_again(QUESTION, candidates, reader)

    assert [now is not None for now in said] == [False, False, True, True, True]
    assert len([now for now in said if now]) == READ_AGAIN


async def test_nothing_is_read_where_there_is_no_candidate(reader: BundledReader) -> None:
    assert await look_again(QUESTION, [], reader) == []
