"""What every AnswerCache must do. A subclass gives the fixtures `cache` and `forgetful`."""

from __future__ import annotations

import asyncio

import pytest

from app.core.ports import AnswerCache

TTL_S = 60.0
SHORT_TTL_S = 0.5


class AnswerCacheContract:
    """Remembers for a while, in both directions without loss."""

    @pytest.fixture
    async def cache(self) -> AnswerCache:
        """Keeps its answers for `TTL_S`, longer than any test takes on a busy machine."""
        raise NotImplementedError

    @pytest.fixture
    async def forgetful(self) -> AnswerCache:
        """Keeps its answers for `SHORT_TTL_S`."""
        raise NotImplementedError

    async def test_an_answer_is_remembered_as_it_was(self, cache: AnswerCache) -> None:
        answer = '{"answer": "25 Tage – «yes» 日本 \\u0000"}'
        await cache.set("question", answer)

        assert await cache.get("question") == answer
        assert await cache.get("another") is None

    async def test_the_last_answer_wins(self, cache: AnswerCache) -> None:
        await cache.set("question", "old")
        await cache.set("question", "new")

        assert await cache.get("question") == "new"

    async def test_an_old_answer_is_forgotten(self, forgetful: AnswerCache) -> None:
        await forgetful.set("question", "answer")
        await asyncio.sleep(SHORT_TTL_S + 0.2)

        assert await forgetful.get("question") is None

    async def test_many_at_once_do_not_mix(self, cache: AnswerCache) -> None:
        await asyncio.gather(*(cache.set(f"q{n}", f"a{n}") for n in range(50)))

        answers = await asyncio.gather(*(cache.get(f"q{n}") for n in range(50)))

        assert answers == [f"a{n}" for n in range(50)]
