"""Embedding with the model that comes along, as Footnote uses it."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from app.adapters.onnx_dense import BundledEncoder
from eval.bench.material.handbook import passages, questions


def measure(*, chunks: int, queries: int, rounds: int) -> dict[str, Any]:
    """Seconds of each round over all chunks, milliseconds of each query, and the vectors."""
    return asyncio.run(_measure(passages(chunks), questions(queries), rounds))


async def _measure(texts: list[str], queries: list[str], rounds: int) -> dict[str, Any]:
    encoder = BundledEncoder()
    await encoder.encode(texts[:16])
    seconds, ms = [], []
    for _ in range(rounds):
        started = time.perf_counter()
        vectors = await encoder.encode(texts)
        seconds.append(time.perf_counter() - started)
    for question in queries:
        started = time.perf_counter()
        await encoder.encode([question])
        ms.append((time.perf_counter() - started) * 1e3)
    await encoder.close()
    return {"seconds": seconds, "ms": ms, "vectors": vectors.round(5).tolist()}
