"""Words that stand together: without it, a list of all words would do as well as a sentence."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from app.adapters.proximity import SIGNS, proximity

WORDS = st.lists(st.sampled_from(["a", "b", "c", "d", "e", "f"]), max_size=60)


def test_words_in_order_stand_above_words_apart() -> None:
    asked = ["notice", "period"]
    together = ["the", "notice", "period", "is", "four", "weeks"]
    turned = ["the", "period", "in", "which", "notice", "is", "given"]
    apart = ["notice", *["word"] * 40, "period"]

    rows = proximity(asked, [together, turned, apart])

    order, near, window = rows.T
    assert order.tolist() == [1, 0, 0]
    assert near.tolist() == [1, 1, 0]
    assert window[0] == window[1] > window[2] > 0


def test_a_rare_word_weighs_more_than_a_common_one() -> None:
    common, rare = proximity(["day", "sabbatical"], [["day"], ["sabbatical"], ["day"]])[:2, -1]

    assert rare > common


@given(WORDS, st.lists(WORDS, max_size=5))
def test_signs_are_shares(asked: list[str], passages: list[list[str]]) -> None:
    rows = proximity(asked, passages)

    assert rows.shape == (len(passages), len(SIGNS))
    assert np.all((rows >= 0) & (rows <= 1))


@given(WORDS, WORDS)
def test_a_passage_that_is_the_question_holds_all_of_it(asked: list[str], more: list[str]) -> None:
    (row,) = proximity(asked, [[*asked, *more]])

    order, near, _ = row
    if len(set(asked)) > 1:
        assert order == near == 1
