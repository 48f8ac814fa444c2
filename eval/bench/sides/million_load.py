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


def measure(*, folder: str, chunks: int) -> dict[str, Any]:
    """Seconds until the last chunk was searchable by its index, and megabytes on disk."""
    seconds = asyncio.run(_fill(Path(folder), chunks))
    files = (file for file in Path(folder).rglob("*") if file.is_file())
    return {"seconds": seconds, "disk_mb": sum(f.stat().st_blocks * 512 for f in files) / 1e6}


async def _fill(folder: Path, chunks: int) -> float:
    store = await EdgeStore.open(folder, dimensions=DIMENSIONS, fingerprint={})
    started, stored = time.perf_counter(), 0
    for document, encoded in Library(chunks // OF_DOCUMENT).documents():
        await store.replace(document, encoded)
        stored += len(encoded)
        if stored % _STEP == 0:
            say(f"  {stored:,} chunks after {time.perf_counter() - started:.0f} s")
    await store.optimize()
    seconds = time.perf_counter() - started
    await store.close()
    return seconds
