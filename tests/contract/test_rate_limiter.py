"""Both rate limiters pass the contract; without Redis each worker counts for itself."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator

import pytest
from structlog.testing import capture_logs

from app.adapters.rate_limit import MemoryRateLimiter, NoRateLimiter, RedisRateLimiter
from app.core.errors import ConfigError
from app.core.ports import RateLimiter
from tests.contract.rate_limiter import QUICK_RATE, RATE, RateLimiterContract
from tests.support.redis_server import RedisServer

TIMEOUT_S = 10.0  # a busy machine is not a lost Redis


class TestMemoryRateLimiter(RateLimiterContract):
    @pytest.fixture
    async def limiter(self) -> RateLimiter:
        return MemoryRateLimiter(RATE)

    @pytest.fixture
    async def quick(self) -> RateLimiter:
        return MemoryRateLimiter(QUICK_RATE)


class TestRedisRateLimiter(RateLimiterContract):
    @pytest.fixture
    async def limiter(self, redis_server: RedisServer) -> AsyncIterator[RedisRateLimiter]:
        limiter = RedisRateLimiter(redis_server.url, RATE, TIMEOUT_S)
        yield limiter
        await limiter.close()

    @pytest.fixture
    async def quick(self, redis_server: RedisServer) -> AsyncIterator[RedisRateLimiter]:
        limiter = RedisRateLimiter(redis_server.url, QUICK_RATE, TIMEOUT_S)
        yield limiter
        await limiter.close()

    async def test_all_workers_count_together(self, redis_server: RedisServer) -> None:
        workers = [RedisRateLimiter(redis_server.url, RATE, TIMEOUT_S) for _ in range(2)]

        waits = [await workers[n % 2].hit("client") for n in range(4)]

        assert waits[:3] == [0, 0, 0]
        assert waits[3] > 50
        for worker in workers:
            await worker.close()

    async def test_without_redis_the_limit_still_holds_with_one_warning(
        self, limiter: RateLimiter, redis_server: RedisServer
    ) -> None:
        redis_server.kill()
        started = time.monotonic()

        with capture_logs() as logs:
            waits = [await limiter.hit("client") for _ in range(5)]

        assert waits[:3] == [0, 0, 0]
        assert all(wait > 0 for wait in waits[3:])
        assert [(log["log_level"], log["part"]) for log in logs] == [("warning", "rate limits")]
        assert time.monotonic() - started < TIMEOUT_S


async def test_none_allows_everything() -> None:
    limiter = NoRateLimiter()

    assert [await limiter.hit("client") for _ in range(100)] == [0] * 100
    await limiter.close()


@pytest.mark.parametrize("rate", ["", "many", "120", "120/fortnight", "0/second", "1/s;2/minute"])
def test_a_rate_that_cannot_be_read_is_refused_by_name(rate: str) -> None:
    with pytest.raises(ConfigError, match=r"api\.rate_limit"):
        MemoryRateLimiter(rate)


@pytest.mark.parametrize("rate", ["120/minute", "5 per 10 seconds", "1/hour", "1000/day"])
def test_usual_ways_to_write_a_rate_are_understood(rate: str) -> None:
    MemoryRateLimiter(rate)
