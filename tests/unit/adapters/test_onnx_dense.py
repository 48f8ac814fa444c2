"""The bundled encoder knows what it does not know: words of other scripts than the Latin one."""

from __future__ import annotations

import pytest

from app.adapters.onnx_dense import BundledEncoder


@pytest.fixture(scope="module")
def encoder() -> BundledEncoder:
    return BundledEncoder()


@pytest.mark.parametrize("question", ["2 + 2?", "", "How many?", "Wie viele Tage?", "vitamin β12"])
def test_questions_in_latin_letters_are_its_business(
    encoder: BundledEncoder, question: str
) -> None:
    assert encoder.trust(question) == 1


@pytest.mark.parametrize("question", ["谁赢了第50届超级碗?", "Кто выиграл?", "من فاز بها؟"])
def test_other_scripts_are_left_to_bm25(encoder: BundledEncoder, question: str) -> None:
    assert 0 < encoder.trust(question) < 0.5
