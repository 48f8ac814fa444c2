"""Encoding: the bundled int8 ONNX model against the same model in sentence-transformers."""

from __future__ import annotations

import numpy as np

from eval.bench.child import measure, say
from eval.bench.result import Outcome, Row
from eval.bench.sizes import Sizes

_QUERIES = 40


def run(sizes: Sizes) -> Outcome:
    """Encode the same texts on both sides, one after the other."""
    say(f"encode: {sizes.passages} passages, {_QUERIES} queries")
    arguments = {"chunks": sizes.passages, "queries": _QUERIES, "rounds": sizes.rounds}
    ours = measure("encode_footnote", **arguments)
    other = measure("encode_sentence_transformers", **arguments)
    speed, other_speed = (sizes.passages / min(side["seconds"]) for side in (ours, other))
    query, other_query = (float(np.median(side["ms"])) for side in (ours, other))
    cosine = np.mean(np.sum(np.array(ours["vectors"]) * np.array(other["vectors"]), axis=1))
    return Outcome(
        "encode",
        ours="Footnote: all-MiniLM-L6-v2, int8 ONNX, fastembed",
        other="sentence-transformers: all-MiniLM-L6-v2, fp32",
        rows=[
            Row("passages of 150 words", "per s", speed, other_speed, more_is_better=True),
            Row("query p50", "ms", query, other_query),
            Row("peak memory", "MB", ours["peak_mb"], other["peak_mb"]),
        ],
        notes=[f"mean cosine between the two sides' vectors: {cosine:.4f}"],
    )
