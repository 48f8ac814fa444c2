"""Fitting the final score: every kind of question is to be heard, and none too loudly."""

from __future__ import annotations

import pytest

from eval.training.logistic import FEW, even_weights


def test_two_questions_of_a_kind_do_not_outweigh_hundreds_of_another() -> None:
    weights = even_weights(["search"] * (3 * FEW) + ["claims"] * FEW + ["faq"] * 2)

    assert sum(weights) == pytest.approx(1)
    assert sum(weights[: 3 * FEW]) == pytest.approx(sum(weights[3 * FEW : 4 * FEW]))
    assert sum(weights[4 * FEW :]) == pytest.approx(sum(weights[: 3 * FEW]) * 2 / FEW)


def test_few_questions_of_ones_own_weigh_all_the_same() -> None:
    assert even_weights(["own"] * 4) == pytest.approx([0.25] * 4)
