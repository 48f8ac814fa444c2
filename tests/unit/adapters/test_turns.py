"""Several callers share threads: each gets its turn, all of its results, and its errors."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator

import pytest

from app.adapters.turns import Turns


@pytest.fixture(params=[1, 3])
async def turns(request: pytest.FixtureRequest) -> AsyncIterator[Turns]:
    turns = Turns("turns", request.param)
    yield turns
    await turns.close()


async def test_results_come_in_the_order_of_the_pieces(turns: Turns) -> None:
    calls = [turns.map(lambda n: n * n, range(start, start + 50)) for start in (0, 7, 1000)]

    for start, found in zip((0, 7, 1000), await asyncio.gather(*calls), strict=True):
        assert found == [n * n for n in range(start, start + 50)]


async def test_nothing_to_do_is_done_at_once(turns: Turns) -> None:
    assert await turns.map(str, []) == []


async def test_a_small_call_passes_a_large_one(turns: Turns) -> None:
    begun, go_on = threading.Event(), threading.Event()
    seen: list[str] = []

    def work(piece: str) -> None:
        begun.set()
        go_on.wait(10)
        seen.append(piece)

    large = asyncio.create_task(turns.map(work, ["large"] * 100))
    await asyncio.to_thread(begun.wait, 10)
    small = asyncio.create_task(turns.map(work, ["small"]))
    await asyncio.sleep(0)  # it is in the queue
    go_on.set()
    await asyncio.gather(large, small)

    assert seen.index("small") < 8
    assert len(seen) == 101


async def test_an_error_ends_its_own_call_and_no_other(turns: Turns) -> None:
    done: list[int] = []

    def work(piece: int) -> None:
        if piece == 2:
            raise ValueError("two")
        done.append(piece)

    failing = asyncio.create_task(turns.map(work, range(1000)))
    other = asyncio.create_task(turns.map(str, range(20)))

    with pytest.raises(ValueError, match="two"):
        await failing
    assert len(await other) == 20
    assert len(done) < 1000


async def test_what_nobody_waits_for_any_more_is_not_worked_on(turns: Turns) -> None:
    begun, go_on = threading.Event(), threading.Event()
    done: list[int] = []

    def work(piece: int) -> None:
        begun.set()
        go_on.wait(10)
        done.append(piece)

    call = asyncio.create_task(turns.map(work, range(1000)))
    await asyncio.to_thread(begun.wait, 10)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    go_on.set()

    assert await turns.map(str, [1]) == ["1"]
    assert len(done) <= 3


async def test_closing_ends_calls_that_are_not_done() -> None:
    turns, begun = Turns("turns", 2), threading.Event()

    def work(piece: int) -> None:
        begun.set()

    call = asyncio.create_task(turns.map(work, range(1_000_000)))
    await asyncio.to_thread(begun.wait, 10)
    await turns.close()

    with pytest.raises(asyncio.CancelledError):
        await call
