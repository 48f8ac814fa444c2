"""Places of an answer: what the reader and the scorer of sentences say counts together."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphs.skills.answer_shape import SIGNS
from graphs.skills.places import Again, Likelihoods, probabilities, sentence_weight

SHARE = st.floats(0, 1)
SHAPE = st.tuples(*[st.floats(-3, 3)] * len(SIGNS))
LOG_ODDS = st.floats(-20, 20)
AGAIN = st.builds(Again, st.floats(-20, 0), LOG_ODDS, LOG_ODDS)
ONCE = st.builds(Likelihoods, SHARE, SHARE, SHARE, SHAPE, st.none())
TWICE = st.builds(Likelihoods, SHARE, SHARE, SHARE, SHAPE, AGAIN)
PLACES = st.lists(ONCE, max_size=8) | st.lists(TWICE, max_size=8)


@given(PLACES)
def test_probabilities_are_of_all_places_together(places: list[Likelihoods]) -> None:
    found = probabilities(places)

    assert len(found) == len(places)
    assert all(0 <= p <= 1 for p in found)
    assert not places or abs(sum(found) - 1) < 1e-9


def test_a_sure_sentence_outweighs_a_place_in_one_that_says_nothing_of_it() -> None:
    in_good_sentence, elsewhere = probabilities([Likelihoods(0.3, 0.8), Likelihoods(0.6, 0.1)])

    assert in_good_sentence > elsewhere


def test_a_second_look_that_finds_the_answer_elsewhere_is_believed() -> None:
    at_first = Likelihoods(0.4, 0.3), Likelihoods(0.3, 0.3)
    again = Again(-6.0, -2.0, -3.0), Again(-0.2, 2.0, 1.0)
    read = [said._replace(again=look) for said, look in zip(at_first, again, strict=True)]

    first, other = probabilities(at_first)
    assert first > other
    first, other = probabilities(read)
    assert first < other


@given(SHARE, SHARE, SHARE, SHARE)
def test_more_of_anything_never_makes_a_sentence_less_worth_showing(
    sentence: float, passage: float, place: float, more: float
) -> None:
    weight = sentence_weight(sentence, passage, place)

    assert sentence_weight(max(sentence, more), passage, place) >= weight
    assert sentence_weight(sentence, max(passage, more), place) >= weight
    assert sentence_weight(sentence, passage, max(place, more)) >= weight


def test_places_of_which_only_some_were_read_again_are_not_compared() -> None:
    with pytest.raises(ValueError, match="zip"):
        probabilities([Likelihoods(0.4, 0.3), Likelihoods(0.3, 0.3, again=Again(-0.2, 2.0, 1.0))])
