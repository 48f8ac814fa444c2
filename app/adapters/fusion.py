"""Reciprocal rank fusion of what the engine found by vectors and by words.

Both lists come out of one batch to the engine, and both are needed anyway, for each search's
own scores. Qdrant's weighted fusion is not used: it stretches ranks by the weight,
1 / (rank / weight + k), so that with k = 60 a heavier search has less of a say, not more.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from app.adapters.payload import BM25, DENSE, to_passage
from app.core.types import HybridQuery, Passage, Scores

Versions = Mapping[str, tuple[str, str]]


def voices(query: HybridQuery) -> list[str]:
    """The searches that have a say: not one of weight 0, nor BM25 for a question without terms."""
    dense, bm25 = query.weights
    bm25 = bm25 if query.sparse.indices else 0.0
    return [name for name, weight in ((DENSE, dense), (BM25, bm25)) if weight > 0]


def fuse(query: HybridQuery, found: Mapping[str, Sequence[Any]]) -> list[Passage]:
    """Passages out of the lists of points of each search, best first; payloads included."""
    points = {str(point.id): point for points in found.values() for point in points}
    current = newest(point.payload for point in points.values())
    kept = {
        name: [point for point in points if is_newest(point.payload, current)]
        for name, points in found.items()
    }
    return [to_passage(points[key].payload, scores) for key, scores in ranked(query, kept)]


def ranked(query: HybridQuery, found: Mapping[str, Sequence[Any]]) -> list[tuple[str, Scores]]:
    """Ids and scores out of the lists of points of each search, at most `query.limit`.

    A point scores the sum of weight / (rrf_k + rank) over the lists, ranks counted from 1
    (Cormack et al., 2009). Equal scores, which this makes often, are ordered by the dense
    score, then by id, so that a question gets the same passages twice.
    """
    fused: dict[str, float] = {}
    scores: dict[str, dict[str, float]] = {name: {} for name in (DENSE, BM25)}
    for name, weight in zip((DENSE, BM25), query.weights, strict=True):
        for rank, point in enumerate(found.get(name, ()), start=1):
            key = str(point.id)
            scores[name][key] = float(point.score)
            fused[key] = fused.get(key, 0.0) + weight / (query.rrf_k + rank)
    dense, bm25 = scores[DENSE], scores[BM25]
    best = sorted(fused, key=lambda key: (-fused[key], -dense.get(key, -1.0), key))
    return [
        (key, Scores(dense=dense.get(key), bm25=bm25.get(key), fused=fused[key]))
        for key in best[: query.limit]
    ]


def newest(payloads: Iterable[Mapping[str, Any]]) -> Versions:
    """Time of ingestion and hash of each document's version that was ingested last.

    A reader on a server may come between the moment in which a new version goes live and
    the moment in which the old one is gone.
    """
    found: dict[str, tuple[str, str]] = {}
    for payload in payloads:
        version = payload["ingested_at"], payload["content_hash"]
        found[payload["document_id"]] = max(version, found.get(payload["document_id"], version))
    return found


def is_newest(payload: Mapping[str, Any], current: Versions) -> bool:
    """Whether a point belongs to the version that `newest` found."""
    return bool(payload["content_hash"] == current[payload["document_id"]][1])
