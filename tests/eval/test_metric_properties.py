from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.gates import judge
from eval.judged.certainty import auc
from eval.metrics.answers import contains, exact_match, token_f1
from eval.metrics.latency import quantile
from eval.metrics.retrieval import hit, ndcg, recall, reciprocal_rank
from eval.metrics.score import Measure, Score, aggregate
from eval.suite import Bound

names = st.sampled_from([f"{letter}.md" for letter in "abcdefghijklmno"])
rankings = st.lists(names, unique=True, max_size=15)
golds = st.sets(names, min_size=1, max_size=4)
units = st.floats(0, 1)
texts = st.text(st.sampled_from("ab the THE 25.,!\n é"), max_size=40)


@given(rankings, golds)
def test_retrieval_scores_are_shares_and_agree(ranked: list[str], gold: set[str]) -> None:
    scores = [metric(ranked, gold, 10) for metric in (hit, recall, reciprocal_rank, ndcg)]
    assert all(0 <= score <= 1 + 1e-12 for score in scores)
    assert len({score > 0 for score in scores}) == 1  # all see the same: something right or not
    assert hit(ranked, gold, 5) <= hit(ranked, gold, 10)


@given(rankings, golds)
def test_right_documents_first_is_the_best_order(ranked: list[str], gold: set[str]) -> None:
    best = sorted({*ranked, *gold}, key=lambda name: name not in gold)
    assert ndcg(best, gold, 10) == pytest.approx(1)
    assert reciprocal_rank(best, gold, 10) == recall(best, gold, 10) == 1
    assert ndcg(ranked, gold, 10) <= ndcg(best, gold, 10) + 1e-12


@given(st.lists(names, unique=True, min_size=2), golds, st.data())
def test_moving_a_right_document_up_never_hurts(
    ranked: list[str], gold: set[str], data: st.DataObject
) -> None:
    place = data.draw(st.integers(1, len(ranked) - 1))
    gold = {*gold, ranked[place]}
    moved = [*ranked]
    moved[place - 1], moved[place] = moved[place], moved[place - 1]
    for metric in (hit, recall, reciprocal_rank, ndcg):
        assert metric(moved, gold, 10) >= metric(ranked, gold, 10) - 1e-12


@given(texts, texts)
def test_token_f1_is_a_share_symmetric_and_1_for_equals(one: str, other: str) -> None:
    score = token_f1(one, other)
    assert 0 <= score <= 1
    assert score == token_f1(other, one)
    assert token_f1(one, one) == 1
    assert score >= exact_match(one, other)


@given(texts, texts, texts)
def test_a_text_contains_its_parts(before: str, wanted: str, after: str) -> None:
    assert contains(f"{before} {wanted.upper()} {after}", [wanted]) == 1


@given(st.lists(units, min_size=1), st.lists(units, min_size=1))
def test_auc_is_a_probability(positive: list[float], negative: list[float]) -> None:
    assert auc(positive, negative) + auc(negative, positive) == pytest.approx(1)
    assert auc(positive, positive) == pytest.approx(0.5)


@given(st.lists(st.floats(0, 1e6), min_size=1), units)
def test_a_quantile_lies_within(found: list[float], q: float) -> None:
    assert min(found) - 1e-6 <= quantile(found, q) <= max(found) + 1e-6


@given(st.lists(units, min_size=1), st.integers(0, 5))
def test_what_is_undetermined_never_moves_the_mean(found: list[float], missing: int) -> None:
    rows = [{"m": Measure(value)} for value in [*found, *[None] * missing]]
    score = aggregate(rows)["m"]
    assert score.value == pytest.approx(sum(found) / len(found))
    assert (score.count, score.undetermined) == (len(rows), missing)


@given(units, units, units)
def test_a_better_value_never_breaks_a_gate(bar: float, value: float, more: float) -> None:
    def holds(x: float, bound: Bound) -> bool:
        return judge("m", bound, Score(value=x, count=1)).held

    assert holds(value, Bound(min=bar)) <= holds(value + more, Bound(min=bar))
    assert holds(value, Bound(max=bar)) <= holds(value - more, Bound(max=bar))
    assert holds(bar, Bound(min=bar, max=bar))


@given(units, st.integers(1, 50), st.integers(0, 50), units)
def test_too_much_undetermined_never_holds(
    value: float, count: int, missing: int, allowed: float
) -> None:
    missing = min(missing, count)
    score = Score(value=value, count=count, undetermined=missing)
    held = judge("m", Bound(min=0, max_undetermined=allowed), score).held
    assert held == (missing <= allowed * count + 1e-9)
