"""Encoding: the bundled int8 ONNX model against the same model in sentence-transformers."""

from __future__ import annotations

from typing import Any

import numpy as np

from eval.bench.child import Unavailable, measure, say
from eval.bench.material.chunks import source
from eval.bench.result import Bar, Outcome, Row
from eval.bench.sizes import Sizes

Side = dict[str, Any]

_QUERIES = 40
_TIMES_FASTER = 2.5


def run(sizes: Sizes) -> Outcome:
    """Encode the same chunks on both sides, in turn: a busy machine slows both alike."""
    say(f"encode: {sizes.passages} chunks, {_QUERIES} queries, {sizes.rounds} rounds")
    arguments = {"chunks": sizes.passages, "queries": _QUERIES}
    ours: list[Side] = []
    others: list[Side] = []
    notes = [f"chunks of {source()}; both sides in turn, the best of {sizes.rounds} rounds"]
    for _ in range(sizes.rounds):
        ours.append(measure("encode_footnote", **arguments))
        try:
            others.append(measure("encode_sentence_transformers", **arguments))
        except Unavailable as missing:
            notes.append(f"nothing to compare with: {missing}")
            break
    speed, query, memory = _figures(ours)
    bars: list[Bar] = []
    other_speed, other_query, other_memory = None, None, None
    if others:
        other_speed, other_query, other_memory = _figures(others)
        faster = speed / other_speed
        bars.append(Bar("encode, times faster", faster, _TIMES_FASTER, at_least=True))
        cosines = np.sum(np.array(ours[0]["vectors"]) * np.array(others[0]["vectors"]), axis=1)
        notes.append(f"mean cosine between the two sides' vectors: {cosines.mean():.4f}")
    return Outcome(
        "encode",
        ours="Footnote: all-MiniLM-L6-v2, int8 ONNX, one text at a time",
        other="sentence-transformers: all-MiniLM-L6-v2, fp32",
        rows=[
            Row("chunks", "per s", speed, other_speed, more_is_better=True),
            Row("query p50", "ms", query, other_query),
            Row("peak memory", "MB", memory, other_memory),
        ],
        bars=bars,
        notes=notes,
    )


def _figures(rounds: list[Side]) -> tuple[float, float, float]:
    """Chunks a second, milliseconds a query and megabytes, each in its best round."""
    speed = max(len(side["vectors"]) / side["seconds"] for side in rounds)
    query = min(float(np.median(side["ms"])) for side in rounds)
    return speed, query, min(side["peak_mb"] for side in rounds)
