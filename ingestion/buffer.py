"""A queue between two stages that is bounded by the size of what waits, not by its number."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class Buffer(Generic[T]):
    """First in, first out. A thing larger than the whole capacity passes alone.

    Args:
        capacity: How much may wait before `put` does.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._things: deque[tuple[T, int]] = deque()
        self._held = 0
        self._closed = False
        self._changed = asyncio.Condition()

    async def put(self, thing: T, size: int) -> None:
        """Add a thing, as soon as there is room."""
        async with self._changed:
            await self._changed.wait_for(
                lambda: not self._held or self._held + size <= self._capacity
            )
            self._things.append((thing, size))
            self._held += size
            self._changed.notify_all()

    async def close(self) -> None:
        """Nothing more comes."""
        async with self._changed:
            self._closed = True
            self._changed.notify_all()

    async def take(self, most: int) -> list[T]:
        """What waits, up to a total size, at least one thing; nothing once it is closed and empty.

        Args:
            most: Total size beyond which no further thing is taken.
        """
        async with self._changed:
            await self._changed.wait_for(lambda: self._things or self._closed)
            taken: list[T] = []
            total = 0
            while self._things and (not taken or total + self._things[0][1] <= most):
                thing, size = self._things.popleft()
                taken.append(thing)
                total += size
            self._held -= total
            self._changed.notify_all()
            return taken
