"""A million chunks in the embedded store: time to fill, memory, speed and recall."""

from __future__ import annotations

import tempfile

import numpy as np

from eval.bench.child import measure, say
from eval.bench.result import Bar, Outcome, Row
from eval.bench.sizes import Sizes

_DEPTH, _LIMIT = 50, 16
"""Candidates of each search, and passages: as the service asks without reranking."""
_TO_RERANK = 50
"""Passages, with their vectors: as it asks where they are reranked."""
_QUERIES, _WARM_UP, _EXACT = 1000, 50, 200
_P95_MS = 8.0
_SERVING_MB, _LOADING_MB = 2000.0, 4000.0
_RECALL = 0.95


def run(sizes: Sizes) -> Outcome:
    """Fill an index, then search it in a new process, then hold it against exact search."""
    chunks = f"{sizes.library:,} chunks"
    say(f"million: {chunks}, {_QUERIES} queries")
    with tempfile.TemporaryDirectory() as folder:
        filled = measure("million_load", folder=folder, chunks=sizes.library)
        say(f"  filled in {filled['seconds']:.0f} s")
        asked = {"folder": folder, "queries": _QUERIES, "warm_up": _WARM_UP, "depth": _DEPTH}
        served = measure("million_serve", **asked, limit=_LIMIT, vectors=False)
        whole = measure("million_serve", **asked, limit=_TO_RERANK, vectors=True)
        recall = measure("million_recall", folder=folder, queries=_EXACT)
    (p50, p95), (whole_p50, whole_p95) = (
        map(float, np.percentile(side["ms"], [50, 95])) for side in (served, whole)
    )
    return Outcome(
        "million",
        ours="Footnote: EdgeStore over one tenant, int8 vectors in memory",
        other="exact search by the original vectors, for recall",
        rows=[
            Row(f"fill, {chunks}", "s", filled["seconds"]),
            Row("longest pause of the service while filling", "s", filled["pause_s"]),
            Row("peak memory while filling", "MB", filled["peak_mb"]),
            Row("on disk", "MB", filled["disk_mb"]),
            Row("open", "s", served["open_s"]),
            Row("search p50", "ms", p50),
            Row("search p95", "ms", p95),
            Row("… for reranking, p50", "ms", whole_p50),
            Row("… for reranking, p95", "ms", whole_p95),
            Row("memory while serving", "MB", served["memory_mb"]),
            Row("… of it not pages of files", "MB", served["own_mb"]),
            Row("list all documents", "s", served["list_s"]),
            Row("recall at 10", "", recall["recall_10"], 1.0, more_is_better=True),
            Row("recall at 50", "", recall["recall_50"], 1.0, more_is_better=True),
        ],
        bars=[
            Bar("million, p95 ms", p95, _P95_MS),
            Bar("million, MB while serving", served["memory_mb"], _SERVING_MB),
            Bar("million, MB at the peak of filling", filled["peak_mb"], _LOADING_MB),
            Bar("million, recall at 10", recall["recall_10"], _RECALL, at_least=True),
        ],
        notes=[
            f"{_QUERIES} new questions after {_WARM_UP} to warm up, top {_DEPTH} of each search, "
            f"{_LIMIT} passages read, as the service does without reranking; before reranking, "
            f"{_TO_RERANK} with their vectors; recall over {_EXACT} questions. The vectors are "
            "synthetic, spread as a model's are: eval/bench/material/library.py"
        ],
    )
