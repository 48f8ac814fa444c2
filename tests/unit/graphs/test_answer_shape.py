"""What an answer looks like: of the kind that is asked for, whole, not the question's own words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphs.skills.answer_shape import SIGNS, answer_shape, asked_kind


def shape(question: str, said: str) -> dict[str, float]:
    return dict(zip(SIGNS, answer_shape(question, said), strict=True))


@pytest.mark.parametrize(
    ("question", "right", "wrong", "sign"),
    [
        ("When did it open?", "12 May 1987", "the harbour", "when"),
        ("How many seats are there?", "400", "the harbour", "number"),
        ("Who founded it?", "Astrid Lindqvist", "harbour", "name"),
    ],
)
def test_an_answer_of_the_kind_that_is_asked_for_is_told(
    question: str, right: str, wrong: str, sign: str
) -> None:
    assert shape(question, right)[sign] == 1
    assert shape(question, wrong)[sign] == -1


def test_the_questions_own_words_do_not_answer_it() -> None:
    assert shape("What is the capital of Sweden?", "the capital")["said"] == 1
    assert shape("What is the capital of Sweden?", "Stockholm")["said"] == 0


@pytest.mark.parametrize(
    ("said", "frayed"),
    [("the old town", 0), ("of the old", 1), ("old town of", 1), ("(old", 1), ("town,", 1)],
)
def test_a_piece_of_a_phrase_is_told_from_a_whole_one(said: str, frayed: float) -> None:
    assert shape("What burned?", said)["frayed"] == frayed


@given(st.text(max_size=60), st.text(max_size=60))
def test_any_words_have_a_shape(question: str, said: str) -> None:
    assert len(answer_shape(question, said)) == len(SIGNS)
    assert asked_kind(question) in {None, "when", "number", "name"}
