"""Threads that serve several callers at once, one piece of each in turn."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, InvalidStateError, ThreadPoolExecutor
from contextlib import suppress
from threading import Lock
from typing import Any, Generic, TypeVar

P = TypeVar("P")
R = TypeVar("R")
T = TypeVar("T")


class Turns:
    """Works on the pieces of a call in parallel, and on several calls round robin.

    A call of one piece waits at most for one piece of each other call, however many
    pieces those have left: a question is not held up by a batch.

    Args:
        name: Of the threads.
        threads: How many pieces are worked on at once.
    """

    def __init__(self, name: str, threads: int) -> None:
        self._threads = threads
        self._pool = ThreadPoolExecutor(max_workers=threads, thread_name_prefix=name)
        self._open: set[_Call[Any, Any]] = set()

    async def map(self, work: Callable[[P], R], pieces: Sequence[P]) -> list[R]:
        """`work` of each piece, in order. The first error ends the call."""
        if not pieces:
            return []
        call = _Call(work, pieces)
        self._open.add(call)
        try:
            for _ in range(min(self._threads, len(pieces))):
                self._pool.submit(self._turn, call)
            return await asyncio.wrap_future(call.done)
        finally:
            self._open.discard(call)

    async def close(self) -> None:
        """Wait for the pieces in progress; calls that are not done are cancelled."""
        for call in self._open:
            call.done.cancel()
        await asyncio.to_thread(self._pool.shutdown, wait=True, cancel_futures=True)

    def _turn(self, call: _Call[P, R]) -> None:
        """One piece; then the call queues again, behind those that came meanwhile."""
        if call.take_one():
            self._pool.submit(self._turn, call)


class _Call(Generic[P, R]):
    def __init__(self, work: Callable[[P], R], pieces: Sequence[P]) -> None:
        self.done: Future[list[R]] = Future()
        self._work = work
        self._waiting: Iterator[tuple[int, P]] = enumerate(pieces)
        self._results: dict[int, R] = {}
        self._count = len(pieces)
        self._lock = Lock()

    def take_one(self) -> bool:
        """Work on the next piece; whether there may be more to do."""
        with self._lock:
            following = None if self.done.done() else next(self._waiting, None)
        if following is None:
            return False
        try:
            result = self._work(following[1])
        except BaseException as error:  # noqa: BLE001 - whoever waits gets it
            self._finish(self.done.set_exception, error)
        else:
            self._keep(following[0], result)
        return not self.done.done()

    def _keep(self, number: int, result: R) -> None:
        with self._lock:
            self._results[number] = result
            complete = len(self._results) == self._count
        if complete:
            self._finish(self.done.set_result, [self._results[n] for n in range(self._count)])

    @staticmethod
    def _finish(end: Callable[[T], None], with_what: T) -> None:
        with suppress(InvalidStateError):  # cancelled, or failed by another piece: nobody waits
            end(with_what)
