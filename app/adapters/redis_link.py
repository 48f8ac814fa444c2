"""Asking Redis for things that are nice to have: never an error, never a long wait."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

import structlog

from app.core.errors import ConfigError

if TYPE_CHECKING:
    from redis.asyncio import ConnectionPool

T = TypeVar("T")
_REST_S = 3.0


class RedisLink:
    """A pool of connections, and whether it is worth using.

    After a failure Redis is left alone for a few seconds, so that not every request waits
    for it; then one caller tries again. Going away and coming back are logged once each.

    Args:
        url: `redis://`, `rediss://` or `unix://`; nothing is connected yet.
        part: What uses the link, for the log.
        timeout_s: The longest that `ask` may take.
        rest_s: How long Redis is left alone after a failure.

    Raises ConfigError when the URL is bad or the extra `server` is not installed.
    """

    def __init__(self, url: str, *, part: str, timeout_s: float, rest_s: float = _REST_S) -> None:
        self.pool = _pool(url, timeout_s)
        self._part = part
        self._timeout_s = timeout_s
        self._rest_s = rest_s
        self._away = False
        self._resting_until = 0.0

    async def ask(self, call: Callable[[], Awaitable[T]]) -> T | None:
        """The result of `call`; None while Redis is away."""
        from redis.exceptions import RedisError

        if not self._worth_asking():
            return None
        try:
            async with asyncio.timeout(self._timeout_s):
                found = await call()
        except (RedisError, OSError, TimeoutError) as error:
            self._note_away(error)
            return None
        self._note_back()
        return found

    async def close(self) -> None:
        """Close all connections."""
        await self.pool.aclose()

    def _worth_asking(self) -> bool:
        now = time.monotonic()
        if self._away and now < self._resting_until:
            return False
        if self._away:  # this caller tries, the others go on without
            self._resting_until = now + max(self._rest_s, self._timeout_s)
        return True

    def _note_away(self, error: BaseException) -> None:
        if not self._away:
            structlog.get_logger().warning(
                "redis is away, going on without it", part=self._part, error=type(error).__name__
            )
        self._away = True
        self._resting_until = time.monotonic() + self._rest_s

    def _note_back(self) -> None:
        if self._away:
            structlog.get_logger().info("redis is back", part=self._part)
        self._away = False


def _pool(url: str, timeout_s: float) -> ConnectionPool:
    try:
        from redis.asyncio import ConnectionPool
        from redis.asyncio.retry import Retry
        from redis.backoff import NoBackoff
    except ImportError as error:
        raise ConfigError(
            "FOOTNOTE_REDIS__URL is set, but the Redis client is not installed",
            hint="install the extra `server`, or unset FOOTNOTE_REDIS__URL",
        ) from error
    try:
        return ConnectionPool.from_url(
            url,
            decode_responses=True,
            socket_timeout=timeout_s,
            socket_connect_timeout=timeout_s,
            retry=Retry(NoBackoff(), 0),
            driver_info=None,  # or every new connection reads redis-py's version from disk
        )
    except ValueError:
        raise ConfigError(  # noqa: B904 - the cause may repeat the URL, which may hold a password
            "bad value for redis.url: not a redis://, rediss:// or unix:// address",
            hint="check FOOTNOTE_REDIS__URL",
        )
