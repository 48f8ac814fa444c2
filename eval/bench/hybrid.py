"""Hybrid search: Footnote's embedded store against LangChain's EnsembleRetriever."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from eval.bench.child import measure, say
from eval.bench.result import Bar, Outcome, Row
from eval.bench.sizes import FULL, Sizes

_TOP = 50
_WARM_UP = 5
_P95_MS = 5.0
_ENCODED_P95_MS = 10.0
_TIMES_FASTER = 100.0


def run(sizes: Sizes) -> Outcome:
    """Time both sides on the same texts, vectors and questions, one after the other."""
    say(f"hybrid: {sizes.chunks:,} chunks, {sizes.queries} queries")
    arguments = {
        "chunks": sizes.chunks,
        "queries": sizes.queries,
        "warm_up": _WARM_UP,
        "top": _TOP,
    }
    ours = measure("hybrid_footnote", **arguments)
    other = measure("hybrid_langchain", **arguments)
    (p50, p95), (other_p50, other_p95) = (np.percentile(s["ms"], [50, 95]) for s in (ours, other))
    encoded_p50, encoded_p95 = np.percentile(ours["encoded_ms"], [50, 95])
    size = f"{sizes.chunks:,} chunks"
    faster = [
        Bar(f"hybrid, {name} times faster", float(a / b), _TIMES_FASTER, at_least=True)
        for name, a, b in (("p50", other_p50, p50), ("p95", other_p95, p95))
    ]
    return Outcome(
        "hybrid",
        ours="Footnote: EdgeStore.search over one tenant, every score",
        other="LangChain EnsembleRetriever: rank_bm25 + qdrant-client local mode",
        rows=[
            Row(f"search p50, {size}", "ms", float(p50), float(other_p50)),
            Row(f"search p95, {size}", "ms", float(p95), float(other_p95)),
            Row("… with the question's encoding p50", "ms", float(encoded_p50)),
            Row("… with the question's encoding p95", "ms", float(encoded_p95)),
            Row("build", "s", ours["build_s"], other["build_s"]),
            Row("peak memory, corpus included", "MB", ours["peak_mb"], other["peak_mb"]),
        ],
        bars=[
            Bar("hybrid, p95 ms", float(p95), _P95_MS),
            Bar("hybrid with the question's encoding, p95 ms", float(encoded_p95), _ENCODED_P95_MS),
            *(faster if sizes.chunks >= FULL.chunks else []),
        ],
        notes=[
            f"top {_TOP} of each search, {sizes.queries} new questions after {_WARM_UP} to warm "
            f"up; mean overlap of the two top tens: {_overlap(ours['found'], other['found']):.0%} "
            "(they cut words differently for BM25)",
        ],
    )


def _overlap(ours: Sequence[Sequence[int]], other: Sequence[Sequence[int]], top: int = 10) -> float:
    shared = [len({*a[:top]} & {*b[:top]}) / top for a, b in zip(ours, other, strict=True)]
    return float(np.mean(shared))
