"""Hybrid search in a process that did not fill the index: its time and its memory."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from app.adapters.qdrant_edge import EdgeStore
from app.core.types import HybridQuery, Scope
from eval.bench.child import Unavailable
from eval.bench.material.corpus import DIMENSIONS
from eval.bench.material.library import Library


def measure(
    *, folder: str, queries: int, warm_up: int, depth: int, limit: int, vectors: bool
) -> dict[str, Any]:
    """Seconds to open the index and to list its documents, milliseconds of each search, and
    megabytes of memory after the searches, the engine's process among it: all, and what is the
    processes' own (the rest are pages of files, which the system takes back when it needs them).
    """
    if not sys.platform.startswith("linux"):
        raise Unavailable("memory in use is read from /proc: Linux only")
    asked = Library(0).questions(warm_up + queries, depth, limit)
    questions = [replace(question, vectors=vectors) for question in asked]
    return asyncio.run(_measure(Path(folder), questions, warm_up))


async def _measure(folder: Path, questions: Sequence[HybridQuery], warm_up: int) -> dict[str, Any]:
    started = time.perf_counter()
    store = await EdgeStore.open(folder, dimensions=DIMENSIONS, fingerprint={})
    found: dict[str, Any] = {"open_s": time.perf_counter() - started, "ms": []}
    for question in questions:
        started = time.perf_counter()
        await store.search(question, Scope())
        found["ms"].append((time.perf_counter() - started) * 1e3)
    found["ms"] = found["ms"][warm_up:]
    found |= {"memory_mb": _memory_mb("VmRSS"), "own_mb": _memory_mb("RssAnon")}
    started = time.perf_counter()
    await store.documents(Scope())
    found["list_s"] = time.perf_counter() - started
    await store.close()
    return found


def _memory_mb(name: str) -> float:
    import psutil

    this = psutil.Process()
    return sum(_of_process(process.pid, name) for process in [this, *this.children()])


def _of_process(pid: int, name: str) -> float:
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:")) / 1e3
