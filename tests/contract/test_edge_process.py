"""The embedded engine in a process of its own: what it spares the service, and how it ends."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from app.adapters.qdrant_edge import EdgeStore
from app.core.errors import TransientError
from tests.contract.chunk_store import HERE, LEAVE, TRAVEL, texts
from tests.support.documents import DIMENSIONS, asking, made
from tests.support.paths import ROOT

WIDE, CHUNKS = 384, 6000  # enough for a graph, which takes a second or so to build


@pytest.fixture
async def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[EdgeStore]:
    monkeypatch.setattr("app.adapters.qdrant_edge._SMALLEST_PIECE", 1 << 30)  # not in between
    opened = await EdgeStore.open(tmp_path, dimensions=WIDE, fingerprint={})
    yield opened
    await opened.close()


async def test_the_service_goes_on_while_a_large_index_is_built(store: EdgeStore) -> None:
    await _fill(store)
    building = asyncio.create_task(store.optimize())
    turns = 0
    while not building.done():
        await asyncio.sleep(0.01)
        turns += 1
    await building

    assert turns > 10  # the engine keeps Python's lock: in this process it would be one


async def test_whoever_searches_does_not_notice_that_the_engine_has_died(tmp_path: Path) -> None:
    store = await EdgeStore.open(tmp_path, dimensions=DIMENSIONS, fingerprint={})
    await store.replace(*made("a.md", [LEAVE]))
    _kill_engine()

    assert (await store.search(asking("annual leave"), HERE))[0].text == LEAVE
    await store.close()


async def test_an_engine_that_dies_costs_one_change_and_no_document(tmp_path: Path) -> None:
    store = await EdgeStore.open(tmp_path, dimensions=DIMENSIONS, fingerprint={})
    await store.replace(*made("a.md", [LEAVE]))
    _kill_engine()

    with pytest.raises(TransientError, match=r"has ended \(SIGKILL\); ask again"):
        await store.add([made("b.md", [TRAVEL])])

    assert [d.source for d in await store.documents(HERE)] == ["a.md"]
    await store.add([made("b.md", [TRAVEL])])
    assert [d.source for d in await store.documents(HERE)] == ["a.md", "b.md"]
    await store.close()


@pytest.mark.parametrize("how", ["add", "replace"])
async def test_a_version_that_died_with_the_engine_is_never_taken_for_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    store = await EdgeStore.open(tmp_path, dimensions=DIMENSIONS, fingerprint={})
    await store.replace(*made("a.md", [LEAVE]))
    write = EdgeStore._store

    async def write_then_die(self: EdgeStore, versions: Any, **how: Any) -> None:
        await write(self, versions, **how)
        await asyncio.to_thread(_kill_engine)
        await self.search(asking("annual leave"), HERE)  # somebody asks, and wakes the next one

    monkeypatch.setattr(EdgeStore, "_store", write_then_die)
    with pytest.raises(TransientError, match="run again"):
        if how == "add":
            await store.add([made("b.md", [TRAVEL])])
        else:
            await store.replace(*made("a.md", [TRAVEL]))

    assert [d.source for d in await store.documents(HERE)] == ["a.md"]
    assert texts(await store.search(asking("annual leave"), HERE)) == [LEAVE]
    await store.close()


async def test_a_service_whose_engine_died_unnoticed_still_stops_in_good_order(
    tmp_path: Path,
) -> None:
    store = await EdgeStore.open(tmp_path, dimensions=DIMENSIONS, fingerprint={})
    await store.replace(*made("a.md", [LEAVE]))
    _kill_engine()
    await store.close()

    again = await EdgeStore.open(tmp_path, dimensions=DIMENSIONS, fingerprint={})
    assert (await again.search(asking("annual leave"), HERE))[0].text == LEAVE
    await again.close()


async def test_nothing_is_left_running_once_the_index_is_closed(tmp_path: Path) -> None:
    store = await EdgeStore.open(tmp_path, dimensions=WIDE, fingerprint={})
    (engine,) = _engines(os.getpid())
    await store.close()

    assert not engine.is_running()


async def test_a_stop_that_reaches_all_processes_leaves_the_engine_to_its_service(
    store: EdgeStore,
) -> None:
    (engine,) = _engines(os.getpid())
    for stop in (signal.SIGINT, signal.SIGTERM):  # as a terminal and systemd send them
        engine.send_signal(stop)

    assert (await store.info()).chunks == 0


@pytest.mark.skipif(sys.platform != "linux", reason="there it ends with its call")
def test_a_service_killed_while_it_builds_lets_go_of_the_index_at_once(tmp_path: Path) -> None:
    service = subprocess.Popen(
        [sys.executable, "-c", _BUILD, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE
    )
    assert service.stdout is not None
    assert service.stdout.readline() == b"building\n"
    (engine,) = _engines(service.pid)
    service.kill()
    service.wait()
    engine.wait(5)

    async def chunks() -> int:
        store = await EdgeStore.open(tmp_path, dimensions=WIDE, fingerprint={})
        found = (await store.info()).chunks
        await store.close()
        return found

    assert asyncio.run(chunks()) == CHUNKS


def _kill_engine() -> None:
    for engine in _engines(os.getpid()):
        engine.kill()


def _engines(parent: int) -> list[psutil.Process]:
    children = psutil.Process(parent).children()
    return [child for child in children if "app.adapters.edge_host" in child.cmdline()]


async def _fill(store: EdgeStore) -> None:
    rng = np.random.default_rng(0)
    for n in range(CHUNKS // 500):
        document, chunks = made(f"{n}.md", [f"chunk {n} {c}" for c in range(500)])
        rows = rng.standard_normal((500, WIDE), dtype=np.float32)
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        versions = [replace(chunk, dense=row) for chunk, row in zip(chunks, rows, strict=True)]
        await store.replace(document, versions)


_BUILD = """
import asyncio, pathlib, sys
from app.adapters import qdrant_edge
from tests.contract.test_edge_process import WIDE, _fill

async def main():
    qdrant_edge._SMALLEST_PIECE = 1 << 30
    folder = pathlib.Path(sys.argv[1])
    store = await qdrant_edge.EdgeStore.open(folder, dimensions=WIDE, fingerprint={})
    await _fill(store)
    building = asyncio.create_task(store.optimize())
    await asyncio.sleep(0.1)
    print("building", flush=True)
    await building
    await asyncio.sleep(60)

asyncio.run(main())
"""
