"""Filling an embedded index document by document, as ingestion does."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

from app.adapters.qdrant_edge import EdgeStore
from eval.bench.child import say
from eval.bench.material.corpus import DIMENSIONS
from eval.bench.material.library import OF_DOCUMENT, Library

_STEP = 100_000  # chunks between two lines of progress
_TURN_S = 0.01


def measure(*, folder: str, chunks: int) -> dict[str, Any]:
    """Seconds until the last chunk was searchable by its index, the longest time in which a
    service would have done nothing else, and megabytes on disk."""
    seconds, pause = asyncio.run(_fill(Path(folder), chunks))
    files = (file for file in Path(folder).rglob("*") if file.is_file())
    return {
        "seconds": seconds,
        "pause_s": pause,
        "disk_mb": sum(f.stat().st_blocks * 512 for f in files) / 1e6,
    }


async def _fill(folder: Path, chunks: int) -> tuple[float, float]:
    store = await EdgeStore.open(folder, dimensions=DIMENSIONS, fingerprint={})
    started, stored, pauses = time.perf_counter(), 0, [0.0]
    watch = asyncio.create_task(_watch(pauses))
    for document, encoded in Library(chunks // OF_DOCUMENT).documents():
        await store.replace(document, encoded)
        stored += len(encoded)
        if stored % _STEP == 0:
            say(f"  {stored:,} chunks after {time.perf_counter() - started:.0f} s")
    await store.optimize()
    seconds = time.perf_counter() - started
    await store.close()
    watch.cancel()
    return seconds, max(pauses)


async def _watch(pauses: list[float]) -> None:
    while True:
        before = time.perf_counter()
        await asyncio.sleep(_TURN_S)
        pauses.append(time.perf_counter() - before - _TURN_S)
