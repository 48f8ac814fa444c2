"""Embedding with the same model in sentence-transformers, fp32, as it comes."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from eval.bench.material.chunks import chunks as chunks_of
from eval.bench.material.handbook import questions
from eval.bench.material.sentence_transformers import minilm


def measure(*, chunks: int, queries: int) -> dict[str, Any]:
    """Seconds for all chunks, milliseconds of each query, and the chunks' vectors."""
    model, texts = minilm(), chunks_of(chunks)
    model.encode(texts[:16])
    started = time.perf_counter()
    vectors = model.encode(texts)
    seconds = time.perf_counter() - started
    ms = []
    for question in questions(queries):
        started = time.perf_counter()
        model.encode([question])
        ms.append((time.perf_counter() - started) * 1e3)
    return {"seconds": seconds, "ms": ms, "vectors": np.asarray(vectors).round(5).tolist()}
