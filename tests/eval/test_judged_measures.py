"""A ranking gets the score that its definition gives it, and a difference its interval."""

from __future__ import annotations

from math import log2

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.text import Span
from eval.judged.measures import Judge, Place, interval, mean_over
from eval.judged.sets import Question

CHUNKS = [Span(0, 10), Span(10, 25), Span(25, 40), Span(40, 60)]
JUDGE = Judge({"a": CHUNKS, "b": CHUNKS, "c": CHUNKS})
ABOUT_B = Question("?", {"b": 1.0})
SPANS = Question("?", {"a": 1.0}, (Span(8, 12), Span(45, 50)))


def place(document: str, chunk: int) -> Place:
    return Place(document, CHUNKS[chunk].start, CHUNKS[chunk].end)


def test_a_document_counts_once_by_its_best_passage() -> None:
    found = [place("a", 0), place("a", 1), place("b", 3), place("b", 0)]
    assert JUDGE.ndcg(ABOUT_B, found) == pytest.approx(1 / log2(3))


def test_better_answers_first_are_better() -> None:
    graded = Question("?", {"a": 2.0, "b": 1.0})
    best, worse = ["a", "b", "c"], ["b", "a", "c"]
    ideal = 2 + 1 / log2(3)
    assert JUDGE.ndcg(graded, [place(d, 0) for d in best]) == pytest.approx(1.0)
    swapped = JUDGE.ndcg(graded, [place(d, 0) for d in worse])
    assert swapped == pytest.approx((1 + 2 / log2(3)) / ideal)


def test_a_passage_of_several_chunks_counts_as_all_of_them() -> None:
    # Chunks 0, 1 and 3 hold an answer.
    apart = [place("a", 3), place("a", 0), place("a", 1)]
    merged = [place("a", 3), Place("a", 0, 25)]
    assert JUDGE.ndcg(SPANS, apart) == JUDGE.ndcg(SPANS, merged) == pytest.approx(1.0)
    assert JUDGE.ndcg(SPANS, [place("b", 0), place("a", 2)]) == 0.0


def test_recall_counts_each_judged_character_once() -> None:
    assert JUDGE.recall(SPANS, [place("a", 0), Place("a", 5, 12)]) == pytest.approx(4 / 9)
    assert JUDGE.recall(SPANS, [place("b", 0), place("a", 3)]) == pytest.approx(5 / 9)
    assert JUDGE.recall(SPANS, [place("a", n) for n in range(4)]) == 1.0


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 3)), max_size=30),
    st.dictionaries(st.sampled_from("abc"), st.sampled_from([1.0, 2.0]), min_size=1),
)
def test_scores_stay_between_nothing_and_everything(
    found: list[tuple[str, int]], grades: dict[str, float]
) -> None:
    places = [place(*one) for one in found]
    assert 0 <= JUDGE.ndcg(Question("?", grades), places) <= 1 + 1e-9
    assert 0 <= JUDGE.ndcg(SPANS, places) <= 1 + 1e-9
    assert 0 <= JUDGE.recall(SPANS, places) <= 1


def test_translations_weigh_as_one_set() -> None:
    values = [np.array([0.0]), np.array([1.0]), np.array([0.5, 0.5])]
    assert mean_over(values, ["other", "xquad", "xquad"]) == pytest.approx(0.375)


def test_an_interval_tells_a_gain_from_chance() -> None:
    rng = np.random.default_rng(0)
    noise = rng.normal(0.0, 1.0, 200)
    assert interval([noise + 1.0], ["a"]).is_certain
    assert not interval([noise - noise.mean()], ["a"]).is_certain
    same = interval([np.zeros(5), np.zeros(9)], ["a", "b"])
    assert (same.mean, same.low, same.high, same.is_certain) == (0, 0, 0, False)
    found = interval([noise + 1.0, noise], ["a", "b"])
    assert found.low < found.mean < found.high
    expected = 1.96 * (noise.var() / 200 / 2) ** 0.5  # half of each, drawn by themselves
    assert (found.high - found.low) / 2 == pytest.approx(expected, rel=0.1)
