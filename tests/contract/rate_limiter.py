"""What every RateLimiter must do. A subclass gives the fixtures `limiter` and `quick`."""

from __future__ import annotations

import asyncio

import pytest

from app.core.ports import RateLimiter

RATE = "3/minute"
QUICK_RATE = "3/second"


class RateLimiterContract:
    """Three at a time for each client."""

    @pytest.fixture
    async def limiter(self) -> RateLimiter:
        """Counts by `RATE`, a window longer than any test takes on a busy machine."""
        raise NotImplementedError

    @pytest.fixture
    async def quick(self) -> RateLimiter:
        """Counts by `QUICK_RATE`."""
        raise NotImplementedError

    async def test_a_client_gets_its_rate_and_then_the_time_to_wait(
        self, limiter: RateLimiter
    ) -> None:
        waits = [await limiter.hit("client") for _ in range(5)]

        assert waits[:3] == [0, 0, 0]
        assert all(0 < wait <= 60 for wait in waits[3:])

    async def test_after_the_wait_it_is_let_in_again(self, quick: RateLimiter) -> None:
        for _ in range(3):
            await quick.hit("client")
        await asyncio.sleep(await quick.hit("client") + 0.05)

        assert await quick.hit("client") == 0

    async def test_a_busy_client_does_not_lock_out_another(self, limiter: RateLimiter) -> None:
        for _ in range(5):
            await limiter.hit("busy/1")

        assert await limiter.hit("busy") == 0

    async def test_a_burst_at_once_gets_no_more_than_the_rate(self, limiter: RateLimiter) -> None:
        waits = await asyncio.gather(*(limiter.hit("client") for _ in range(20)))

        assert sum(wait == 0 for wait in waits) == 3
