"""Embedding with the model that comes along, as Footnote uses it."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from app.adapters.onnx_dense import BundledEncoder
from eval.bench.material.chunks import chunks as chunks_of
from eval.bench.material.handbook import questions


def measure(*, chunks: int, queries: int) -> dict[str, Any]:
    """Seconds for all chunks, milliseconds of each query, and the chunks' vectors."""
    return asyncio.run(_measure(chunks_of(chunks), questions(queries)))


async def _measure(texts: list[str], queries: list[str]) -> dict[str, Any]:
    encoder = BundledEncoder()
    await encoder.encode(texts[:16])
    started = time.perf_counter()
    vectors = await encoder.encode(texts)
    seconds = time.perf_counter() - started
    ms = []
    for question in queries:
        started = time.perf_counter()
        await encoder.encode([question])
        ms.append((time.perf_counter() - started) * 1e3)
    await encoder.close()
    return {"seconds": seconds, "ms": ms, "vectors": vectors.round(5).tolist()}
