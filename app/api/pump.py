"""Runs an answer in a task of its own, so that a client who leaves ends it.

One task drives the service's stream from its first event to its last: time limits and
cancel scopes inside it hold, whichever task of the server reads the events, and a slow
reader does not keep a model waiting. What is queued is one answer's text.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from fastapi import Request

from app.api.problems import ClientGone
from app.core.exchange import Event

T = TypeVar("T")
CANCEL_S = 10.0


class Pump:
    """The events of a stream, in order; see `pumping`."""

    def __init__(self, source: AsyncIterator[Event]) -> None:
        self._queue: asyncio.Queue[Event | Exception | None] = asyncio.Queue()
        self._task = asyncio.create_task(self._run(source))

    async def next(self) -> Event | None:
        """The next event, None at the end. Raises what the stream raised."""
        item = await self._queue.get()
        if isinstance(item, Exception):
            raise item
        return item

    def break_off(self, error: Exception) -> None:
        """Let the reader find this error after what is already queued."""
        self._task.cancel()
        self._queue.put_nowait(error)

    async def close(self) -> None:
        """Cancel the stream and wait until it has cleaned up."""
        self._task.cancel()
        await asyncio.wait({self._task}, timeout=CANCEL_S)

    async def _run(self, source: AsyncIterator[Event]) -> None:
        try:
            async for event in source:
                self._queue.put_nowait(event)
        except Exception as error:  # noqa: BLE001 - raised again where it is read
            self._queue.put_nowait(error)
        else:
            self._queue.put_nowait(None)


@asynccontextmanager
async def pumping(source: AsyncIterator[Event]) -> AsyncIterator[Pump]:
    """Run a stream for as long as the block lasts."""
    pump = Pump(source)
    try:
        yield pump
    finally:
        await pump.close()


async def unless_gone(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """The work's result. If the client leaves first: cancels it, raises ClientGone."""
    task, gone = asyncio.create_task(work), asyncio.create_task(_gone(request))
    try:
        await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise ClientGone
        return task.result()
    finally:
        task.cancel()
        gone.cancel()
        await asyncio.gather(task, gone, return_exceptions=True)


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
