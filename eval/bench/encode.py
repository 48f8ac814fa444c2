"""Encoding: the bundled int8 ONNX model against the same model in sentence-transformers."""

from __future__ import annotations

from typing import Any

import numpy as np

from eval.bench.child import Unavailable, measure, say
from eval.bench.result import Outcome, Row
from eval.bench.sizes import Sizes

_QUERIES = 40


def run(sizes: Sizes) -> Outcome:
    """Encode the same texts on both sides, one after the other."""
    say(f"encode: {sizes.passages} passages, {_QUERIES} queries")
    arguments = {"chunks": sizes.passages, "queries": _QUERIES, "rounds": sizes.rounds}
    ours = measure("encode_footnote", **arguments)
    notes: list[str] = []
    other: dict[str, Any] | None = None
    try:
        other = measure("encode_sentence_transformers", **arguments)
    except Unavailable as missing:
        notes.append(f"nothing to compare with: {missing}")
    else:
        cosines = np.sum(np.array(ours["vectors"]) * np.array(other["vectors"]), axis=1)
        notes.append(f"mean cosine between the two sides' vectors: {cosines.mean():.4f}")
    speed, query, memory = _figures(ours)
    other_speed, other_query, other_memory = _figures(other) if other else (None, None, None)
    return Outcome(
        "encode",
        ours="Footnote: all-MiniLM-L6-v2, int8 ONNX, fastembed",
        other="sentence-transformers: all-MiniLM-L6-v2, fp32",
        rows=[
            Row("passages of 150 words", "per s", speed, other_speed, more_is_better=True),
            Row("query p50", "ms", query, other_query),
            Row("peak memory", "MB", memory, other_memory),
        ],
        notes=notes,
    )


def _figures(side: dict[str, Any]) -> tuple[float, float, float]:
    """Passages a second in the best round, milliseconds a query, megabytes."""
    speed = len(side["vectors"]) / min(side["seconds"])
    return speed, float(np.median(side["ms"])), side["peak_mb"]
