"""The bundled scorer: answers before look-alikes, and no sentence encoded twice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from app.adapters.onnx_dense import BundledEncoder
from app.adapters.sentence_scorer import SentenceScorer
from app.core.types import Vectors
from tests.contract.reranker import QUESTION, TEXTS

ANSWERS = [
    (
        "How many days of annual leave do I get?",
        "Full-time employees get 28 days of paid annual leave a year.",
        ["Annual leave is agreed with the manager.", "The office is closed on public holidays.",
         "Sick leave is reported by phone before nine."],
    ),
    (
        "What torque should the head screws be tightened to?",
        "Tighten the four head screws crosswise to 4.5 Nm.",
        ["The PVDF head relaxes under load.", "Fill the tank and open all valves.",
         "Spare parts remain available for at least 12 years."],
    ),
    (
        "Who runs the anonymous reporting line?",
        "The Lantern Line is run by an outside law firm and takes anonymous reports.",
        ["Gifts up to EUR 35 may be accepted.", "Reports are stored for six years.",
         "The line manager approves the expense report."],
    ),
]  # fmt: skip


class CountingEncoder:
    """The bundled encoder; notes every text that it is asked to encode."""

    def __init__(self, encoder: BundledEncoder) -> None:
        self._encoder = encoder
        self.seen: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._encoder, name)

    async def encode(self, texts: Sequence[str]) -> Vectors:
        self.seen += texts
        return await self._encoder.encode(texts)


@pytest.fixture(scope="module")
def bundled() -> BundledEncoder:
    return BundledEncoder()


@pytest.fixture
def encoder(bundled: BundledEncoder) -> CountingEncoder:
    return CountingEncoder(bundled)


@pytest.fixture
def scorer(encoder: CountingEncoder) -> SentenceScorer:
    return SentenceScorer.load(encoder)


@pytest.mark.parametrize(("question", "answer", "others"), ANSWERS)
async def test_an_obvious_answer_is_not_buried_under_look_alikes(
    scorer: SentenceScorer, question: str, answer: str, others: list[str]
) -> None:
    sentences = [*others, answer]
    *distractors, right = await scorer.score_sentences(question, sentences, ["Handbook"] * 4)
    assert right > max(distractors) + 0.1


async def test_the_headings_of_a_sentence_help_it(scorer: SentenceScorer) -> None:
    question = "What is the hotel limit for Stockholm?"
    under, beside = await scorer.score_sentences(
        question, ["EUR 185 a night.", "EUR 185 a night."], ["Hotel limit > Stockholm", "Canteen"]
    )
    assert under > beside


async def test_a_sentence_is_encoded_once_however_often_it_is_read(
    scorer: SentenceScorer, encoder: CountingEncoder
) -> None:
    contexts = ["Handbook"] * len(TEXTS)
    first = await scorer.score_sentences(QUESTION, TEXTS, contexts)
    assert len(encoder.seen) == len(set(encoder.seen))
    encoder.seen = []

    assert await scorer.score_sentences(QUESTION, TEXTS, contexts) == first
    assert encoder.seen == []

    await scorer.score_sentences("When is annual leave approved?", TEXTS, contexts)
    assert encoder.seen == ["When is annual leave approved?"]


async def test_nothing_to_score_costs_nothing(
    scorer: SentenceScorer, encoder: CountingEncoder
) -> None:
    assert await scorer.score_sentences(QUESTION, [], []) == []
    assert encoder.seen in ([], [QUESTION])


@pytest.mark.parametrize("question", ["???", "", "the of a", "東京", "x" * 5000])
async def test_odd_questions_get_scores_too(scorer: SentenceScorer, question: str) -> None:
    scores = await scorer.score_sentences(question, TEXTS, ["Handbook"] * len(TEXTS))
    assert len(scores) == len(TEXTS)
    assert all(0 <= score <= 1 for score in scores)
