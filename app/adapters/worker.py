"""One bounded worker thread for things that must not be called from several threads."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


class Worker:
    """Runs calls one after another in a thread of its own, off the event loop.

    Models and the embedded engine are either unsafe to call from several threads or
    gain nothing by it; one thread each keeps them safe and the loop free.
    """

    def __init__(self, name: str) -> None:
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)

    async def run(self, call: Callable[[], T]) -> T:
        """The result of `call`, run in the worker's thread, after those before it."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, call)

    async def close(self) -> None:
        """Wait for the call in progress; drop those that have not begun."""
        await asyncio.to_thread(self._pool.shutdown, wait=True, cancel_futures=True)
