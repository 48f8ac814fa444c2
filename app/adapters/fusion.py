"""Fusion of what the engine found by vectors and by words, by scores or by ranks.

Both lists come out of one batch to the engine, and both are needed anyway, for each search's
own scores. Qdrant's weighted fusion is not used: it stretches ranks by the weight,
1 / (rank / weight + k), so that with k = 60 a heavier search has less of a say, not more.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from app.adapters.fields import BM25, DENSE
from app.adapters.payload import to_passage
from app.adapters.score_fusion import Scored, dense_share, distribution_scores, standard_scores
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
    return [
        to_passage(points[key].payload, scores, _embedding(points[key].vector))
        for key, scores in ranked(query, kept)
    ]


def _embedding(vectors: Mapping[str, Any] | None) -> bytes:
    return np.asarray(vectors[DENSE], dtype=np.float32).tobytes() if vectors else b""


def ranked(query: HybridQuery, found: Mapping[str, Sequence[Any]]) -> list[tuple[str, Scores]]:
    """Ids and scores out of the lists of points of each search, at most `query.limit`.

    Equal scores are ordered by the dense score, then by id, and those of one search by id, so
    that a question gets the same passages twice, from an index that was built anew too.
    """
    dense, bm25 = (_scored(found.get(name, ())) for name in (DENSE, BM25))
    fused = _FUSIONS[query.fusion](query, dense, bm25)
    best = sorted(fused, key=lambda key: (-fused[key], -dense.get(key, -1.0), key))
    return [
        (key, Scores(dense=dense.get(key), bm25=bm25.get(key), fused=fused[key]))
        for key in best[: query.limit]
    ]


def _scored(points: Sequence[Any]) -> dict[str, float]:
    ordered = sorted(((str(p.id), float(p.score)) for p in points), key=lambda p: (-p[1], p[0]))
    return dict(ordered)


def _by_rank(query: HybridQuery, dense: Scored, bm25: Scored) -> dict[str, float]:
    """The sum of weight / (rrf_k + rank), ranks counted from 1 (Cormack et al., 2009)."""
    fused: dict[str, float] = {}
    for weight, scored in zip(query.weights, (dense, bm25), strict=True):
        for rank, key in enumerate(scored, start=1):
            fused[key] = fused.get(key, 0.0) + weight / (query.rrf_k + rank)
    return fused


def _by_question(query: HybridQuery, dense: Scored, bm25: Scored) -> dict[str, float]:
    """Standard scores, mixed as suits the question, as a number in (0, 1)."""
    if 0 < len(bm25) < query.depth:  # a list that ends early tells that the rest scores 0
        bm25 = {**bm25, **{key: 0.0 for key in dense if key not in bm25}}
    share = dense_share(dense, bm25, len(query.sparse.indices))
    mixed = _mixed(query, standard_scores(dense), standard_scores(bm25), (share, 1 - share))
    return {key: 0.5 + 0.5 * math.tanh(0.5 * score) for key, score in mixed.items()}


def _by_score(query: HybridQuery, dense: Scored, bm25: Scored) -> dict[str, float]:
    """Distribution-based scores, in [0, 1], in one mixture for all questions."""
    return _mixed(query, distribution_scores(dense), distribution_scores(bm25), (1.0, 1.0))


def _mixed(
    query: HybridQuery,
    dense: tuple[Scored, float],
    bm25: tuple[Scored, float],
    shares: tuple[float, float],
) -> dict[str, float]:
    weights = [weight * share for weight, share in zip(query.weights, shares, strict=True)]
    of_dense, of_bm25 = (weight / (sum(weights) or 1.0) for weight in weights)
    (near, far), (said, unsaid) = dense, bm25
    keys = dict.fromkeys([*near, *said])
    return {key: of_dense * near.get(key, far) + of_bm25 * said.get(key, unsaid) for key in keys}


_FUSIONS = {"question": _by_question, "score": _by_score, "rank": _by_rank}


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
