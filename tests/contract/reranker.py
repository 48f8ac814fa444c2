"""What every Reranker must do. A subclass gives the fixture `reranker`."""

from __future__ import annotations

import asyncio

import pytest

from app.core.ports import Reranker

QUESTION = "How many days of annual leave?"
TEXTS = [
    "Full-time employees get 25 days of paid annual leave.",
    "Leave.",
    "Flights are booked through the travel desk, hotels by the traveller; " * 40,
    "",
    "東京の天気は?",
    "Full-time employees get 25 days of paid annual leave.",
]


class RerankerContract:
    """One score in [0, 1] for each text, in order."""

    near = 1e-4
    """How far a score may move with what else is in the batch."""

    @pytest.fixture
    def reranker(self) -> Reranker:
        raise NotImplementedError

    async def test_every_text_gets_a_score_between_0_and_1(self, reranker: Reranker) -> None:
        scores = await reranker.score(QUESTION, TEXTS)

        assert len(scores) == len(TEXTS)
        assert all(isinstance(score, float) and 0 <= score <= 1 for score in scores)

    async def test_scores_come_in_the_order_of_the_texts(self, reranker: Reranker) -> None:
        together = await reranker.score(QUESTION, TEXTS)
        alone = [(await reranker.score(QUESTION, [text]))[0] for text in TEXTS]

        assert together == pytest.approx(alone, abs=self.near)
        assert together[0] == pytest.approx(together[-1], abs=self.near)
        assert len({round(score, 6) for score in alone}) > 2, "the scores tell nothing apart"

    async def test_no_texts_get_no_scores(self, reranker: Reranker) -> None:
        assert await reranker.score(QUESTION, []) == []

    async def test_more_texts_than_a_batch_all_get_scores(self, reranker: Reranker) -> None:
        assert len(await reranker.score(QUESTION, TEXTS * 8)) == 8 * len(TEXTS)

    async def test_requests_at_the_same_time_do_not_mix(self, reranker: Reranker) -> None:
        alone = [await reranker.score(text, TEXTS) for text in TEXTS[:3]]

        together = await asyncio.gather(*(reranker.score(text, TEXTS) for text in TEXTS[:3]))

        for one, other in zip(alone, together, strict=True):
            assert one == pytest.approx(other, abs=self.near)

    async def test_it_has_a_name(self, reranker: Reranker) -> None:
        assert reranker.name
