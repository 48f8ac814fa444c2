"""Scoring pairs with a cross-encoder of the same size in sentence-transformers, fp32."""

from __future__ import annotations

import time
from typing import Any

from eval.bench.material.handbook import passages
from eval.bench.material.handbook import questions as questions_of
from eval.bench.material.sentence_transformers import minilm_folder


def measure(*, questions: int, candidates: int) -> dict[str, Any]:
    """Seconds for all pairs, and how many they were."""
    folder = minilm_folder()
    from sentence_transformers import CrossEncoder

    texts = passages(candidates)
    model = CrossEncoder(folder, num_labels=1, device="cpu")
    model.predict([("warm", text) for text in texts])
    started = time.perf_counter()
    for question in questions_of(questions):
        model.predict([(question, text) for text in texts])
    seconds = time.perf_counter() - started
    return {"seconds": seconds, "pairs": questions * len(texts)}
