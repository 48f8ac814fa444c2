"""The bundled scorer: answers before look-alikes, and no sentence encoded twice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from app.adapters.onnx_dense import BundledEncoder
from app.adapters.sentence_scorer import SentenceScorer
from app.core.ports import Reranker
from app.core.types import Vectors
from tests.contract.reranker import QUESTION, TEXTS, RerankerContract

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


class TestSentenceScorer(RerankerContract):
    near = 0.05  # the int8 encoder rounds by the batch

    @pytest.fixture
    def reranker(self, scorer: SentenceScorer) -> Reranker:
        return scorer

    async def test_scores_come_in_the_order_of_the_texts(self, reranker: Reranker) -> None:
        """A passage is judged beside the others: their order must not matter, their
        presence does."""
        forwards = await reranker.score(QUESTION, TEXTS)
        backwards = await reranker.score(QUESTION, TEXTS[::-1])

        assert forwards == pytest.approx(backwards[::-1], abs=self.near)
        assert forwards[0] == pytest.approx(forwards[-1], abs=self.near)
        assert len({round(score, 6) for score in forwards}) > 2, "the scores tell nothing apart"


@pytest.mark.parametrize(("question", "answer", "others"), ANSWERS)
async def test_an_obvious_answer_is_not_buried_under_look_alikes(
    scorer: SentenceScorer, question: str, answer: str, others: list[str]
) -> None:
    texts = [f"Handbook > Rules\n{text}" for text in (*others, answer)]
    *distractors, right = await scorer.score(question, texts)
    assert right > max(distractors) + 0.1

    sentences = [*others, answer]
    *distractors, right = await scorer.score_sentences(question, sentences, ["Handbook"] * 4)
    assert right > max(distractors) + 0.1


async def test_an_answer_deep_in_a_long_passage_still_counts(scorer: SentenceScorer) -> None:
    filler = "The canteen opens at noon. Badges are worn in sight. Visitors sign in at the gate. "
    question, answer, others = ANSWERS[0]
    long = f"Handbook\n{filler * 8}{answer} {filler * 8}"
    right, wrong = await scorer.score(question, [long, f"Handbook\n{others[1]}"])
    assert right > wrong + 0.1


async def test_evidence_that_answers_nothing_scores_below_the_line(scorer: SentenceScorer) -> None:
    _, answer, others = ANSWERS[1]
    scores = await scorer.score("Which football club won the cup in 1998?", [answer, *others])
    assert max(scores) < 0.5


async def test_the_headings_of_a_sentence_help_it(scorer: SentenceScorer) -> None:
    question = "What is the hotel limit for Stockholm?"
    under, beside = await scorer.score_sentences(
        question, ["EUR 185 a night.", "EUR 185 a night."], ["Hotel limit > Stockholm", "Canteen"]
    )
    assert under > beside


async def test_a_sentence_is_encoded_once_however_often_it_is_read(
    scorer: SentenceScorer, encoder: CountingEncoder
) -> None:
    first = await scorer.score(QUESTION, TEXTS)
    assert len(encoder.seen) == len(set(encoder.seen))
    encoder.seen = []

    assert await scorer.score(QUESTION, TEXTS) == first
    assert encoder.seen == []

    await scorer.score("When is annual leave approved?", TEXTS)
    assert encoder.seen == ["When is annual leave approved?"]


async def test_nothing_to_score_costs_nothing(
    scorer: SentenceScorer, encoder: CountingEncoder
) -> None:
    assert await scorer.score(QUESTION, []) == []
    assert encoder.seen == []
    assert await scorer.score_sentences(QUESTION, [], []) == []


@pytest.mark.parametrize("question", ["???", "", "the of a", "東京", "x" * 5000])
async def test_odd_questions_get_scores_too(scorer: SentenceScorer, question: str) -> None:
    scores = await scorer.score(question, TEXTS)
    assert len(scores) == len(TEXTS)
    assert all(0 <= score <= 1 for score in scores)


async def test_closing_it_leaves_the_encoder_to_others(
    scorer: SentenceScorer, bundled: BundledEncoder
) -> None:
    await scorer.close()
    assert (await bundled.encode(["leave"])).shape == (1, bundled.dimensions)
