"""Answers remembered for a while: in the process, or in Redis for all workers together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.adapters.redis_link import RedisLink
from app.core.errors import TransientError

if TYPE_CHECKING:
    from cachetools import TTLCache

_PREFIX = "footnote:answer:"


class MemoryAnswerCache:
    """An AnswerCache in this process: the oldest answers make room for new ones.

    Args:
        ttl_s: Seconds that an answer is kept.
        max_answers: How many are kept at most.
    """

    def __init__(self, ttl_s: float, max_answers: int) -> None:
        from cachetools import TTLCache

        self._answers: TTLCache[str, str] = TTLCache(maxsize=max_answers, ttl=ttl_s)

    async def get(self, key: str) -> str | None:
        """The value, unless it is missing or too old."""
        return self._answers.get(key)

    async def set(self, key: str, value: str) -> None:
        """Keep a value for the configured time."""
        self._answers[key] = value

    async def check(self) -> None:
        """Always there."""

    async def close(self) -> None:
        """Forget everything."""
        self._answers.clear()


class RedisAnswerCache:
    """An AnswerCache in Redis; while Redis is away, every `get` is a miss.

    Args:
        url: Address of the server.
        ttl_s: Seconds that an answer is kept.
        timeout_s: The longest that a call may take, whatever Redis does.

    Raises ConfigError when the URL is bad.
    """

    def __init__(self, url: str, ttl_s: float, timeout_s: float) -> None:
        self._link = RedisLink(url, part="answer cache", timeout_s=timeout_s)
        from redis.asyncio import Redis

        self._redis = Redis(connection_pool=self._link.pool)
        self._ttl_ms = int(ttl_s * 1000)

    async def get(self, key: str) -> str | None:
        """The value, unless it is missing, too old or out of reach."""
        found = await self._link.ask(lambda: self._redis.get(_PREFIX + key))
        return found.decode() if isinstance(found, bytes) else found

    async def set(self, key: str, value: str) -> None:
        """Keep a value for the configured time, if Redis is there."""
        await self._link.ask(lambda: self._redis.set(_PREFIX + key, value, px=self._ttl_ms))

    async def check(self) -> None:
        """Raise TransientError when Redis does not answer."""
        if not await self._link.ask(self._redis.ping):
            raise TransientError("Redis does not answer", hint="check FOOTNOTE_REDIS__URL")

    async def close(self) -> None:
        """Close connections."""
        await self._link.close()
