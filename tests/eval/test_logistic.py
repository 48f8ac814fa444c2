"""Fitting the final score: every kind of question is to be heard, and none too loudly."""

from __future__ import annotations

import numpy as np
import pytest

from eval.training.cases import Floats, Outcome, Told
from eval.training.logistic import FEW, SHARES, even_weights, fit_questions, shared_weights


def test_two_questions_of_a_kind_do_not_outweigh_hundreds_of_another() -> None:
    weights = even_weights(["search"] * (3 * FEW) + ["claims"] * FEW + ["faq"] * 2)

    assert sum(weights) == pytest.approx(1)
    assert sum(weights[: 3 * FEW]) == pytest.approx(sum(weights[3 * FEW : 4 * FEW]))
    assert sum(weights[4 * FEW :]) == pytest.approx(sum(weights[: 3 * FEW]) * 2 / FEW)


def test_few_questions_of_ones_own_weigh_all_the_same() -> None:
    assert even_weights(["own"] * 4) == pytest.approx([0.25] * 4)


def signs(best: float, again: float) -> Floats:
    return np.array([best, 0, 0, 0, again], np.float64)


def test_what_was_found_and_what_it_does_not_say_are_told_apart() -> None:
    pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    best = {"answered": 3, "absent": -3, "unsaid": 3}
    again = {"answered": 3, "absent": np.nan, "unsaid": -3}
    told = [
        Told("any", signs(best[outcome], again[outcome]) + rng.normal(0, 0.7, 5), outcome, False)
        for outcome in SHARES
        for _ in range(60)
    ]

    model = fit_questions(told)

    assert model.told(signs(3, 3)) > 0.9
    assert model.told(signs(3, -3)) < 0.1, "a passage is there, and does not say it"
    assert model.told(signs(-3, 3)) < 0.1, "no passage is there"
    assert 0.1 < model.told(signs(3, np.nan)) < 0.9, "nobody looked again"


def test_every_outcome_has_its_share_however_often_it_was_seen() -> None:
    seen: list[Outcome] = ["answered", "answered", "answered", "absent"]
    told = [Told("any", signs(0, 0), outcome, False) for outcome in seen]

    weights = shared_weights(told)

    assert weights.sum() == pytest.approx(1)
    assert weights[-1] == pytest.approx(SHARES["absent"] / (SHARES["absent"] + SHARES["answered"]))
