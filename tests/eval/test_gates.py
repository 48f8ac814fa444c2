from __future__ import annotations

import pytest

from eval.gates import judge, judge_all
from eval.metrics.score import Score
from eval.suite import Bound


def score(value: float | None, *, count: int = 32, undetermined: int = 0, note: str = "") -> Score:
    return Score(value=value, count=count, undetermined=undetermined, note=note)


@pytest.mark.parametrize(
    ("bound", "value", "why"),
    [
        (Bound(min=0.5), 0.5, ""),
        (Bound(min=0.5), 0.49, "too low"),
        (Bound(max=0), 0.0, ""),
        (Bound(max=0), 1.0, "too high"),
        (Bound(min=0.2, max=0.4), 0.3, ""),
        (Bound(min=31 / 32), sum([1 / 32] * 31), ""),  # rounding is not a fault
        (Bound(min=31 / 32), 30 / 32, "too low"),
    ],
)
def test_bounds(bound: Bound, value: float, why: str) -> None:
    gate = judge("m", bound, score(value))
    assert (gate.held, gate.why) == (not why, why)


def test_a_metric_that_was_not_measured_does_not_hold() -> None:
    gate = judge("m", Bound(min=0), None)
    assert not gate.held
    assert gate.why == "it was not measured"


@pytest.mark.parametrize("value", [None, float("nan"), float("inf")])
def test_no_value_does_not_hold_and_says_why(value: float | None) -> None:
    gate = judge("m", Bound(max=1), score(value, note="the judge is away"))
    assert not gate.held
    assert gate.why == "the judge is away"
    assert judge("m", Bound(max=1), score(value)).why == "it has no value"


def test_undetermined_values_beyond_the_share_do_not_hold() -> None:
    found = score(1.0, count=10, undetermined=1)
    assert judge("m", Bound(min=0.5), found).why == "1 of 10 are undetermined"
    assert judge("m", Bound(min=0.5, max_undetermined=0.1), found).held


def test_gates_keep_the_order_of_the_suite() -> None:
    gates = judge_all({"b": Bound(min=1), "a": Bound(max=0)}, {"a": score(0), "b": score(0.5)})
    assert [(g.metric, g.held, g.bound) for g in gates] == [("b", False, "≥ 1"), ("a", True, "≤ 0")]
