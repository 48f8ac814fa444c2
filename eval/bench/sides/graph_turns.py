"""The cost of Footnote's graph and service over LangGraph alone, with parts that take no time."""

from __future__ import annotations

import asyncio
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from app.adapters.memory import SqliteMemory
from app.core.exchange import Ask, Step
from app.core.run import Run
from app.core.types import Scope
from app.service import Footnote
from eval.bench.material.bare import bare_graph
from eval.bench.material.doubles import still_footnote
from graphs.graph import build_graph

_QUESTION = "How many days of paid annual leave do full-time employees get?"
_WARM_UP = 20
Turn = Callable[[], Awaitable[None]]


def measure(*, turns: int) -> dict[str, Any]:
    """Milliseconds of each turn by contestant, and the number of nodes on the path.

    Contestants take turns, so that a busy moment of the machine falls on all of them.
    """
    return asyncio.run(_measure(turns))


async def _measure(turns: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        async with (
            SqliteMemory.open(Path(folder) / "ours.sqlite") as memory,
            SqliteMemory.open(Path(folder) / "bare.sqlite") as bare_memory,
        ):
            service = still_footnote(memory)
            nodes = await _nodes_on_the_path(service)
            bare = bare_graph(nodes)
            contestants: dict[str, Turn] = {
                "service": _service(service),
                "graph": _footnote(service, service.graph),
                "bare": _plain(bare.compile(checkpointer=bare_memory.checkpointer)),
                "graph_unsaved": _footnote(service, build_graph().compile()),
                "bare_unsaved": _plain(bare.compile()),
            }
            for contestant in contestants.values():
                for _ in range(_WARM_UP):
                    await contestant()
            return {"nodes": nodes} | await _timed(contestants, turns)


async def _timed(contestants: Mapping[str, Turn], turns: int) -> dict[str, Any]:
    wall: dict[str, list[float]] = {name: [] for name in contestants}
    cpu: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(turns):
        for name, contestant in contestants.items():
            started, busy = time.perf_counter(), time.process_time()
            await contestant()
            cpu[name].append((time.process_time() - busy) * 1e3)
            wall[name].append((time.perf_counter() - started) * 1e3)
    return {"ms": wall, "cpu_ms": cpu}


async def _nodes_on_the_path(service: Footnote) -> int:
    events = service.stream(Ask(_QUESTION, Scope()))
    return len([event async for event in events if isinstance(event, Step)])


def _service(service: Footnote) -> Turn:
    async def run() -> None:
        answer = await service.ask(Ask(_QUESTION, Scope(), conversation_id=str(uuid.uuid4())))
        if answer.status != "answered":
            raise AssertionError(f"the question was {answer.status}")

    return run


def _footnote(service: Footnote, graph: Any) -> Turn:
    async def run() -> None:
        context = replace(service.base, run=Run(deadline_ms=60_000))
        await _drain(_stream(graph, context=context))

    return run


def _plain(graph: Any) -> Turn:
    async def run() -> None:
        await _drain(_stream(graph))

    return run


def _stream(graph: Any, **options: Any) -> AsyncIterator[Any]:
    """A turn of a new conversation, run as `app.service` runs it."""
    config = {"configurable": {"thread_id": str(uuid.uuid4())}, "recursion_limit": 60}
    saved: dict[str, Any] = {"durability": "exit"} if graph.checkpointer else {}
    stream: AsyncIterator[Any] = graph.astream(
        {"question": _QUESTION}, config, stream_mode="custom", **saved, **options
    )
    return stream


async def _drain(stream: AsyncIterator[Any]) -> None:
    async for _ in stream:
        pass
