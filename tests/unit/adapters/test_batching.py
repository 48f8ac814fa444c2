"""Several callers share batches: each gets its own results, and nobody waits for long."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.adapters.batching import Batcher

MOST = 6
CALLS = 3


class Model:
    """Doubles numbers in batches, and remembers them. It waits for `go_on` first."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.begun, self.go_on = threading.Event(), threading.Event()
        self.go_on.set()

    def __call__(self, numbers: list[int]) -> list[int]:
        self.begun.set()
        assert self.go_on.wait(10)
        self.batches.append(numbers)
        if any(number < 0 for number in numbers):
            raise ValueError("a negative number")
        return [2 * number for number in numbers]

    async def hold(self, work: Callable[[], object]) -> None:
        """Do something while the model is at work on what it began last."""
        await asyncio.to_thread(self.begun.wait, 10)
        work()
        await asyncio.sleep(0)
        self.go_on.set()


def batcher(
    model: Callable[[list[int]], Sequence[int]], *, most: int = MOST, calls: int = CALLS
) -> Batcher[int, int]:
    return Batcher("batches", model, length=lambda number: number % 100, most=most, calls=calls)


# Whatever happens at the same time


@dataclass
class Caller:
    """Asks for `count` numbers after some turns of the loop; may fail or be cancelled."""

    count: int
    after: int
    cancelled_after: int | None
    fails_at: int | None
    numbers: list[int] = field(default_factory=list)

    def number(self, first: int, lengths: Sequence[int]) -> None:
        """Give it numbers that nobody else has, which end in their length."""
        self.numbers = [(first + n) * 100 + lengths[n % len(lengths)] for n in range(self.count)]
        if self.fails_at is not None and self.fails_at < self.count:
            self.numbers[self.fails_at] *= -1


CALLERS = st.builds(
    Caller,
    count=st.integers(0, 20),
    after=st.integers(0, 12),
    cancelled_after=st.none() | st.integers(0, 12),
    fails_at=st.none() | st.none() | st.integers(0, 20),
)


@given(st.lists(CALLERS, max_size=12), st.lists(st.integers(0, 99), min_size=1, max_size=9))
@example([Caller(20, 0, None, None), Caller(1, 3, None, None)], [5])
@example([Caller(4, 0, None, 2), Caller(4, 0, None, None), Caller(4, 0, 1, None)], [1, 99])
def test_every_caller_gets_its_own_results_in_order_whatever_becomes_of_the_others(
    callers: list[Caller], lengths: list[int]
) -> None:
    for place, caller in enumerate(callers):
        caller.number(1 + 100 * place, lengths)
    model = Model()

    outcomes = asyncio.run(asyncio.wait_for(_ask_all(batcher(model), callers), 20))

    for caller, outcome in zip(callers, outcomes, strict=True):
        if isinstance(outcome, asyncio.CancelledError):
            assert caller.cancelled_after is not None
        elif isinstance(outcome, ValueError):
            assert any(number < 0 for number in caller.numbers)
        else:
            assert outcome == [2 * number for number in caller.numbers]
    assert all(0 < len(batch) <= MOST for batch in model.batches)
    if not any(number < 0 for batch in model.batches for number in batch):
        assert set(Counter(n for batch in model.batches for n in batch).values()) <= {1}


@given(st.lists(CALLERS, max_size=12), st.integers(1, 3))
@example([Caller(20, 0, None, None), Caller(9, 1, None, None), Caller(1, 2, None, None)], 1)
def test_never_more_calls_than_the_bound_are_in_work(callers: list[Caller], bound: int) -> None:
    owner: dict[int, int] = {}
    for place, caller in enumerate(callers):
        caller.cancelled_after = caller.fails_at = None
        caller.number(1 + 100 * place, [7])
        owner |= dict.fromkeys(caller.numbers, place)
    done: Counter[int] = Counter()
    most_at_once = 0

    def work(numbers: list[int]) -> list[int]:
        nonlocal most_at_once
        done.update(owner[number] for number in numbers)
        begun = [place for place, count in done.items() if count < callers[place].count]
        most_at_once = max(most_at_once, len(begun))
        return numbers

    asyncio.run(asyncio.wait_for(_ask_all(batcher(work, calls=bound), callers), 20))

    assert most_at_once <= bound
    assert done == {n: caller.count for n, caller in enumerate(callers) if caller.count}


async def _ask_all(
    batches: Batcher[int, int], callers: Sequence[Caller]
) -> list[list[int] | BaseException]:
    async def ask(caller: Caller) -> list[int]:
        for _ in range(caller.after):
            await asyncio.sleep(0)
        return await batches.map(caller.numbers)

    async def cancel(task: asyncio.Task[list[int]], after: int) -> None:
        for _ in range(after):
            await asyncio.sleep(0)
        task.cancel()

    tasks = [asyncio.create_task(ask(caller)) for caller in callers]
    pairs = zip(tasks, callers, strict=True)
    await asyncio.gather(*(cancel(t, c.cancelled_after) for t, c in pairs if c.cancelled_after))
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    await batches.close()
    return outcomes


# What is gained


async def test_calls_of_one_moment_share_a_batch_and_an_idle_model_waits_for_nobody() -> None:
    model = Model()
    batches = batcher(model, most=16, calls=16)

    assert await batches.map([1]) == [2]
    found = await asyncio.gather(*(batches.map([n]) for n in range(16)))

    assert found == [[2 * n] for n in range(16)]
    assert [len(batch) for batch in model.batches] == [1, 16]
    await batches.close()


async def test_what_comes_while_the_model_works_shares_the_next_batch() -> None:
    model = Model()
    model.go_on.clear()
    batches = batcher(model, most=16, calls=16)
    calls = [asyncio.create_task(batches.map([0]))]

    await model.hold(
        lambda: calls.extend(asyncio.create_task(batches.map([n])) for n in range(1, 10))
    )
    await asyncio.gather(*calls)

    assert [len(batch) for batch in model.batches] == [1, 9]
    await batches.close()


async def test_who_asks_again_at_once_joins_those_who_waited_meanwhile() -> None:
    model = Model()
    model.go_on.clear()
    batches = batcher(model, most=16, calls=16)

    async def ask(number: int) -> None:
        for _ in range(5):
            assert await batches.map([number]) == [2 * number]

    asking = [asyncio.create_task(ask(0))]
    await model.hold(lambda: asking.extend(asyncio.create_task(ask(n)) for n in range(1, 8)))
    await asyncio.gather(*asking)

    assert [len(batch) for batch in model.batches] == [1, 8, 8, 8, 8, 7]
    await batches.close()


async def test_a_question_is_not_made_as_long_as_the_passages_beside_it() -> None:
    seen: list[list[str]] = []

    def work(texts: list[str]) -> list[str]:
        seen.append(texts)
        return texts

    batches = Batcher("batches", work, length=len, most=8)
    passages = ["p" * length for length in (900, 905, 910)]
    await asyncio.gather(batches.map(passages), batches.map(["?" * 20]), batches.map(["?" * 30]))

    assert [sorted(map(len, batch)) for batch in seen] == [[20, 30], [900, 905, 910]]
    await batches.close()


# Who waits for whom


@pytest.mark.parametrize("most", [1, 2, 16])
async def test_a_question_waits_for_no_more_than_the_batch_in_progress(most: int) -> None:
    model = Model()
    model.go_on.clear()
    batches = batcher(model, most=most)
    large = [asyncio.create_task(batches.map(range(first, first + 400))) for first in (0, 1000)]
    question: list[asyncio.Task[list[int]]] = []

    await model.hold(lambda: question.append(asyncio.create_task(batches.map([7777]))))
    assert await question[0] == [15554]

    at_work = next(n for n, batch in enumerate(model.batches) if 7777 in batch)
    begun_before = sum(len(batch) for batch in model.batches[:at_work])
    assert begun_before <= 2 * max(most, 2), "the batch in progress, and the shorter of its own"
    assert not any(task.done() for task in large)
    await asyncio.gather(*large)
    await batches.close()


async def test_a_large_call_ends_though_questions_never_do() -> None:
    batches = batcher(Model(), calls=50)
    large = asyncio.create_task(batches.map(range(1000, 1300)))

    async def ask() -> None:
        while not large.done():
            await batches.map([1])

    await asyncio.wait_for(asyncio.gather(large, *(ask() for _ in range(2 * MOST))), 20)

    assert large.result() == [2 * n for n in range(1000, 1300)]
    await batches.close()


# What goes wrong


async def test_an_error_ends_its_own_call_and_no_other() -> None:
    model = Model()
    batches = batcher(model)

    bad, good = await asyncio.gather(
        batches.map([3, -4, 5]), batches.map([6, 7]), return_exceptions=True
    )

    assert isinstance(bad, ValueError)
    assert good == [12, 14]
    assert await batches.map([8]) == [16]
    await batches.close()


async def test_after_an_error_the_rest_of_its_call_is_not_worked_on() -> None:
    model = Model()
    batches = batcher(model)

    with pytest.raises(ValueError, match="negative"):
        await batches.map([*range(100), -100])

    assert len(model.batches) == 1  # the shortest come first
    await batches.close()


async def test_a_model_that_loses_a_result_is_an_error_and_no_endless_wait() -> None:
    batches = batcher(lambda numbers: numbers[1:])

    with pytest.raises(ValueError, match="shorter"):
        await batches.map([1, 2, 3])

    await batches.close()


async def test_what_nobody_waits_for_any_more_is_not_worked_on() -> None:
    model = Model()
    model.go_on.clear()
    batches = batcher(model)
    call = asyncio.create_task(batches.map(range(1000)))

    await model.hold(call.cancel)
    with pytest.raises(asyncio.CancelledError):
        await call

    assert await batches.map([1]) == [2]
    assert [len(batch) for batch in model.batches] == [MOST, 1]
    await batches.close()


async def test_what_is_cancelled_in_the_middle_of_a_batch_is_not_finished() -> None:
    model = Model()
    model.go_on.clear()
    batches = Batcher("batches", model, length=lambda number: number, most=MOST)
    short, long = (asyncio.create_task(batches.map([number])) for number in (10, 1000))

    await model.hold(long.cancel)

    assert await short == [20]
    assert await batches.map([3]) == [6]
    assert model.batches == [[10], [3]]
    await batches.close()


async def test_closing_waits_for_the_batch_in_progress_and_ends_all_calls() -> None:
    model = Model()
    model.go_on.clear()
    batches = Batcher("closed", model, length=abs, most=MOST, calls=CALLS)
    calls = [asyncio.create_task(batches.map(range(100))) for _ in range(2 * CALLS)]
    closing: list[asyncio.Task[None]] = []

    await model.hold(lambda: closing.append(asyncio.create_task(batches.close())))
    await closing[0]
    outcomes = await asyncio.gather(*calls, return_exceptions=True)

    assert all(isinstance(outcome, asyncio.CancelledError) for outcome in outcomes)
    assert len(model.batches) == 1
    assert not [t for t in threading.enumerate() if t.name.startswith("closed")]
    with pytest.raises(RuntimeError, match="after shutdown"):
        await batches.map([1])


def test_one_event_loop_after_another_may_use_it() -> None:
    batches = batcher(Model())

    for n in range(3):
        assert asyncio.run(batches.map([n, n + 1])) == [2 * n, 2 * n + 2]

    asyncio.run(batches.close())
