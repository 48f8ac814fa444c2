"""Both answer caches pass the contract; losing Redis costs time, never an answer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis
from structlog.testing import capture_logs

from app.adapters.answer_cache import MemoryAnswerCache, RedisAnswerCache
from app.core.errors import ConfigError
from app.core.ports import AnswerCache
from tests.contract.answer_cache import SHORT_TTL_S, TTL_S, AnswerCacheContract
from tests.support.redis_server import RedisServer

PATIENT_S = 10.0  # what Redis may take where it is there: a busy machine is not a lost one
TIMEOUT_S = 0.3


class TestMemoryAnswerCache(AnswerCacheContract):
    @pytest.fixture
    async def cache(self) -> AnswerCache:
        return MemoryAnswerCache(TTL_S, 100)

    @pytest.fixture
    async def forgetful(self) -> AnswerCache:
        return MemoryAnswerCache(SHORT_TTL_S, 100)

    async def test_memory_stays_bounded(self) -> None:
        cache = MemoryAnswerCache(60, max_answers=2)
        for n in range(3):
            await cache.set(f"q{n}", "answer")

        assert [await cache.get(f"q{n}") for n in range(3)] == [None, "answer", "answer"]


class TestRedisAnswerCache(AnswerCacheContract):
    @pytest.fixture
    async def cache(self, redis_server: RedisServer) -> AsyncIterator[RedisAnswerCache]:
        cache = RedisAnswerCache(redis_server.url, TTL_S, PATIENT_S)
        yield cache
        await cache.close()

    @pytest.fixture
    async def forgetful(self, redis_server: RedisServer) -> AsyncIterator[RedisAnswerCache]:
        cache = RedisAnswerCache(redis_server.url, SHORT_TTL_S, PATIENT_S)
        yield cache
        await cache.close()

    async def test_all_workers_share_answers(
        self, cache: AnswerCache, redis_server: RedisServer
    ) -> None:
        other = RedisAnswerCache(redis_server.url, TTL_S, PATIENT_S)
        await cache.set("question", "answer")

        assert await other.get("question") == "answer"
        await other.close()

    async def test_keys_are_ours_and_end(
        self, cache: AnswerCache, redis_server: RedisServer
    ) -> None:
        await cache.set("question", "answer")
        async with Redis.from_url(redis_server.url) as redis:
            assert await redis.keys() == [b"footnote:answer:question"]
            assert 0 < await redis.pttl("footnote:answer:question") <= TTL_S * 1000

    async def test_losing_redis_is_a_miss_and_one_warning(
        self, cache: AnswerCache, redis_server: RedisServer
    ) -> None:
        await cache.set("question", "answer")
        redis_server.kill()

        with capture_logs() as logs:
            for _ in range(20):
                assert await cache.get("question") is None
                await cache.set("question", "answer")

        assert [(log["log_level"], log["part"]) for log in logs] == [("warning", "answer cache")]
        assert "redis://" not in str(logs)

    async def test_redis_is_used_again_once_it_is_back(self, redis_server: RedisServer) -> None:
        cache = RedisAnswerCache(redis_server.url, TTL_S, PATIENT_S)
        cache._link._rest_s = 0.1
        redis_server.kill()
        with capture_logs() as logs:
            await cache.get("question")
            redis_server.start()
            await asyncio.sleep(0.2)
            await cache.set("question", "answer")
            assert await cache.get("question") == "answer"

        assert [log["event"] for log in logs][1:] == ["redis is back"]
        await cache.close()

    async def test_a_redis_that_never_answers_costs_one_timeout_not_one_each(self) -> None:
        async def swallow(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
            await reader.read()

        async with await asyncio.start_server(swallow, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            cache = RedisAnswerCache(f"redis://127.0.0.1:{port}/0", TTL_S, TIMEOUT_S)
            started = time.monotonic()
            for _ in range(20):
                assert await cache.get("question") is None
            took = time.monotonic() - started
            await cache.close()

        assert TIMEOUT_S * 0.9 < took < TIMEOUT_S * 10

    async def test_many_waiting_at_once_wait_no_longer_than_one(self, free_port: int) -> None:
        cache = RedisAnswerCache(f"redis://127.0.0.1:{free_port}/0", TTL_S, TIMEOUT_S)
        started = time.monotonic()

        found = await asyncio.gather(*(cache.get(f"q{n}") for n in range(50)))

        assert found == [None] * 50
        assert time.monotonic() - started < TIMEOUT_S * 10
        await cache.close()

    async def test_a_wrong_password_is_a_miss_not_an_error(self, redis_server: RedisServer) -> None:
        address = redis_server.url.removeprefix("redis://")
        cache = RedisAnswerCache(f"redis://user:s3cret@{address}", TTL_S, PATIENT_S)

        with capture_logs() as logs:
            assert await cache.get("question") is None

        assert logs[0]["error"] == "AuthenticationError"
        assert "s3cret" not in str(logs)
        await cache.close()

    @pytest.mark.parametrize("url", ["localhost:6379", "http://x", "redis://user:s3cret@host:port"])
    async def test_a_bad_address_is_refused_at_start_without_repeating_it(self, url: str) -> None:
        with pytest.raises(ConfigError, match=r"redis\.url") as error:
            RedisAnswerCache(url, TTL_S, TIMEOUT_S)

        assert url not in str(error.value)
        assert error.value.__cause__ is None
