"""How many requests a client may make: a moving window, in the process or in Redis."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from app.adapters.redis_link import RedisLink
from app.core.errors import ConfigError

if TYPE_CHECKING:
    from limits import RateLimitItem
    from limits.aio.strategies import MovingWindowRateLimiter

_PREFIX = "footnote:rate"


class NoRateLimiter:
    """A RateLimiter that allows everything."""

    async def hit(self, client: str) -> float:
        """Always 0."""
        return 0.0

    async def close(self) -> None:
        """Nothing to close."""


class MemoryRateLimiter:
    """A RateLimiter that counts in this process.

    Args:
        rate: Such as "120/minute" or "5 per 10 seconds".

    Raises ConfigError when the rate cannot be read.
    """

    def __init__(self, rate: str) -> None:
        from limits.aio.storage import MemoryStorage
        from limits.aio.strategies import MovingWindowRateLimiter

        self._rate = _parse(rate)
        self._window = MovingWindowRateLimiter(MemoryStorage())

    async def hit(self, client: str) -> float:
        """Count one request: 0 when allowed, else seconds until one would be."""
        return await _hit(self._window, self._rate, client)

    async def close(self) -> None:
        """Nothing to close."""


class RedisRateLimiter:
    """A RateLimiter that all workers share; while Redis is away, each counts for itself.

    Args:
        url: Address of the server.
        rate: As for MemoryRateLimiter.
        timeout_s: The longest wait for Redis.

    Raises ConfigError when the rate or the URL cannot be read.
    """

    def __init__(self, url: str, rate: str, timeout_s: float) -> None:
        from limits.aio.storage import RedisStorage
        from limits.aio.strategies import MovingWindowRateLimiter

        self._rate = _parse(rate)
        self._alone = MemoryRateLimiter(rate)
        self._link = RedisLink(url, part="rate limits", timeout_s=timeout_s)
        storage = RedisStorage(
            "async+redis://",  # the address is the pool's
            implementation="redispy",
            key_prefix=_PREFIX,
            connection_pool=self._link.pool,  # type: ignore[arg-type]
        )
        self._window = MovingWindowRateLimiter(storage)

    async def hit(self, client: str) -> float:
        """Count one request: 0 when allowed, else seconds until one would be."""
        wait = await self._link.ask(lambda: _hit(self._window, self._rate, client))
        return await self._alone.hit(client) if wait is None else wait

    async def close(self) -> None:
        """Close connections."""
        await self._link.close()


async def _hit(window: MovingWindowRateLimiter, rate: RateLimitItem, client: str) -> float:
    if await window.hit(rate, client):
        return 0.0
    stats = await window.get_window_stats(rate, client)
    return max(stats.reset_time - time.time(), 0.001)


def _parse(rate: str) -> RateLimitItem:
    from limits import parse_many

    try:
        found = parse_many(rate)
    except ValueError:
        found = []
    if len(found) != 1 or found[0].amount < 1:
        raise ConfigError(
            f"bad value for api.rate_limit: {rate!r} is not a rate",
            hint="write a number and a span, such as 120/minute, or none",
        )
    return found[0]
