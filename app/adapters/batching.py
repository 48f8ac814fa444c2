"""One thread that serves several callers in common batches: for models that gain by batches."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Generic, NamedTuple, TypeVar

from app.adapters.worker import Worker

P = TypeVar("P")
R = TypeVar("R")

_RUN = 250
"""Characters of padding that cost as much as calling the model once more: some 60 tokens."""


class Batcher(Generic[P, R]):
    """Works on the pieces of several calls in batches that these share.

    An idle thread begins at once, with all that is asked for in the same turn of the event
    loop; what comes while it works shares the next batch. So nobody ever waits for company.

    Half of a batch is for the oldest call, so that every call ends; the rest goes to the
    calls with the fewest pieces left, so that a question waits for no more than the batch in
    progress, however large the calls before it. An error is its own caller's alone, and who
    is cancelled leaves the others their batch. All callers are on one event loop at a time.

    Args:
        name: Of the thread.
        work: Results of some pieces, in their order. It runs in the thread.
        length: Of a piece, in characters: like lengths go together, as padding costs time.
        most: Pieces in a batch; at least two, one of them the oldest call's.
        calls: How many calls share batches. Who comes later waits until one of them is done.
    """

    def __init__(
        self,
        name: str,
        work: Callable[[list[P]], Sequence[R]],
        *,
        length: Callable[[P], int],
        most: int,
        calls: int = 256,
    ) -> None:
        self._worker = Worker(name)
        self._work = work
        self._length = length
        self._most = max(2, most)
        self._admitted = calls
        self._calls: list[_Call] = []
        self._serving: asyncio.Task[None] | None = None

    async def map(self, pieces: Sequence[P]) -> list[R]:
        """`work` of each piece, in order. The first error ends the call, and is raised."""
        if not pieces:
            return []
        call = _Call(pieces, [self._length(piece) for piece in pieces])
        self._calls.append(call)
        if self._serving is None or self._serving.done():
            self._serving = asyncio.create_task(self._serve())
        try:
            return await call.done
        finally:
            self._calls.remove(call)

    async def close(self) -> None:
        """Wait for the batch in progress; calls that are not done are cancelled."""
        self._cancel_all()
        await self._worker.close()

    async def _serve(self) -> None:
        """Batch after batch, as long as there is something to do."""
        try:
            while True:
                await asyncio.sleep(0)  # who was answered just now may ask for more
                batch = self._next()
                if not batch:
                    return
                for run in _alike(batch):
                    await self._do(run)
        finally:  # a call that is still waiting here would wait for ever
            self._cancel_all()

    def _next(self) -> list[_Piece]:
        waiting = [call for call in self._calls if call.left][: self._admitted]
        batch = waiting[0].take(self._most // 2) if waiting else []
        for call in sorted(waiting, key=lambda call: call.left):
            batch += call.take(self._most - len(batch))
        return batch

    async def _do(self, run: Sequence[_Piece]) -> None:
        """Call the model once; where that fails, once for each caller."""
        run = [piece for piece in run if not piece.call.done.done()]
        if not run:
            return
        try:
            values = [piece.value for piece in run]
            found = await self._worker.run(partial(self._work, values))
            for piece, result in zip(run, found, strict=True):
                piece.call.keep(piece.number, result)
        except Exception as error:  # noqa: BLE001 - whoever asked for it gets it
            callers = dict.fromkeys(piece.call for piece in run)
            if len(callers) == 1:
                run[0].call.fail(error)
                return
            for caller in callers:
                await self._do([piece for piece in run if piece.call is caller])

    def _cancel_all(self) -> None:
        for call in self._calls:
            call.done.cancel()


class _Call:
    """What one caller asked for, and what has become of it."""

    def __init__(self, values: Sequence[Any], lengths: Sequence[int]) -> None:
        self.done: asyncio.Future[list[Any]] = asyncio.get_running_loop().create_future()
        pieces = [
            _Piece(self, n, *piece) for n, piece in enumerate(zip(values, lengths, strict=True))
        ]
        self._waiting = sorted(pieces, key=lambda piece: -piece.length)
        self._results: dict[int, Any] = {}
        self._count = len(pieces)

    @property
    def left(self) -> int:
        """How many pieces are yet to be begun."""
        return 0 if self.done.done() else len(self._waiting)

    def take(self, most: int) -> list[_Piece]:
        """The shortest pieces left, at most so many."""
        return [self._waiting.pop() for _ in range(min(most, self.left))]

    def keep(self, number: int, result: Any) -> None:
        """A result; the last one ends the call."""
        self._results[number] = result
        if len(self._results) == self._count and not self.done.done():
            self.done.set_result([self._results[n] for n in range(self._count)])

    def fail(self, error: Exception) -> None:
        """End the call with an error."""
        if not self.done.done():
            self.done.set_exception(error)


class _Piece(NamedTuple):
    call: _Call
    number: int
    value: Any
    length: int


def _alike(batch: Sequence[_Piece]) -> list[list[_Piece]]:
    """The batch in runs of like lengths, the shortest first.

    A run ends where padding its texts to the length of the next would cost more than a run
    of its own does: a question is not made as long as the passages it shares a batch with.
    """
    runs: list[list[_Piece]] = []
    for piece in sorted(batch, key=lambda piece: piece.length):
        longest = runs[-1][-1].length if runs else 0
        if runs and len(runs[-1]) * (piece.length - longest) <= _RUN:
            runs[-1].append(piece)
        else:
            runs.append([piece])
    return runs
