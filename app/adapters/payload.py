"""How a chunk is written into a point of Qdrant, the same for both stores.

A point's payload says everything about its chunk and its document, so that the store is
the register of documents. `live` is 1 for the version that readers see.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from app.core.errors import InputError
from app.core.types import Chunk, Document, HybridQuery, Passage, Scope, Scores

DENSE = "dense"
BM25 = "bm25"
KEYWORDS = ("tenant", "document_id", "content_hash", "source", "title")
"""Payload fields with a keyword index."""
INTEGERS = ("live", "ordinal")
"""Payload fields with an integer index."""

_NAMESPACE = uuid.UUID("6f1f2f0e-6b36-4c39-9d1a-0f0b8c7a5f10")
_PLAIN_FILTERS = frozenset({"document_id", "source", "title"})
Condition = tuple[str, list[str | int]]


def document_id(tenant: str, source: str) -> str:
    """The id of a document, the same in every version of it."""
    return str(uuid.uuid5(_NAMESPACE, f"{tenant}\n{source}"))


def point_id(document: Document, ordinal: int) -> str:
    """The id of a chunk of this version: storing it twice changes nothing."""
    version = f"{document.document_id}\n{document.content_hash}"
    return str(uuid.uuid5(_NAMESPACE, f"{version}\n{ordinal}"))


def to_payload(document: Document, chunk: Chunk, *, live: bool) -> dict[str, Any]:
    """All that a point says."""
    return {
        **document.model_dump(),
        "ordinal": chunk.ordinal,
        "text": chunk.text,
        "start": chunk.start,
        "end": chunk.end,
        "page": chunk.page,
        "heading": chunk.heading,
        "live": int(live),  # a number: the embedded engine matches no booleans
    }


def to_document(payload: Mapping[str, Any]) -> Document:
    """The document that a point belongs to."""
    return Document(**{name: payload[name] for name in Document.model_fields})


def to_chunk(payload: Mapping[str, Any]) -> Chunk:
    """The chunk that a point holds."""
    return Chunk(
        ordinal=payload["ordinal"],
        text=payload["text"],
        start=payload["start"],
        end=payload["end"],
        page=payload["page"],
        heading=payload["heading"],
    )


def voices(query: HybridQuery) -> dict[str, float]:
    """The searches that have a say, with their weights.

    One of weight 0 is left out, or the engine would let it bring candidates of score 0; so
    is BM25 for a question without terms.
    """
    weights = dict(zip((DENSE, BM25), query.weights, strict=True))
    if not query.sparse.indices:
        weights[BM25] = 0.0
    return {name: weight for name, weight in weights.items() if weight > 0}


def rrf_constant(query: HybridQuery) -> int:
    """Qdrant counts ranks from 0, Cormack et al. from 1."""
    return query.rrf_k + 1


def to_passages(fused: Sequence[Any], alone: Mapping[str, Sequence[Any]]) -> list[Passage]:
    """Passages out of the engine's fused list and each search's own, best first.

    Equal scores, which rank fusion makes often, are ordered by the dense score, then by id,
    so that a question gets the same answer twice.
    """
    scores = {
        name: {str(point.id): float(point.score) for point in points}
        for name, points in alone.items()
    }
    dense, bm25 = scores.get(DENSE, {}), scores.get(BM25, {})
    current = newest(point.payload for point in fused)
    ranked = sorted(
        fused, key=lambda point: (-point.score, -dense.get(str(point.id), -1.0), str(point.id))
    )
    return [
        _to_passage(
            point.payload,
            Scores(
                dense=dense.get(str(point.id)),
                bm25=bm25.get(str(point.id)),
                fused=float(point.score),
            ),
        )
        for point in ranked
        if is_newest(point.payload, current)
    ]


def newest(payloads: Iterable[Mapping[str, Any]]) -> dict[str, tuple[str, str]]:
    """Time of ingestion and hash of each document's version that was ingested last.

    A reader on a server may come between the moment in which a new version goes live and
    the moment in which the old one is gone.
    """
    found: dict[str, tuple[str, str]] = {}
    for payload in payloads:
        version = payload["ingested_at"], payload["content_hash"]
        found[payload["document_id"]] = max(version, found.get(payload["document_id"], version))
    return found


def is_newest(payload: Mapping[str, Any], current: Mapping[str, tuple[str, str]]) -> bool:
    """Whether a point belongs to the version that `newest` found."""
    return bool(payload["content_hash"] == current[payload["document_id"]][1])


def conditions(scope: Scope) -> Iterator[Condition]:
    """What every read demands: the tenant, the live version, and the caller's filters."""
    yield "tenant", [scope.tenant]
    yield "live", [1]
    for name, wanted in scope.filters.items():
        key = name if name in _PLAIN_FILTERS else _tag(name)
        yield key, [wanted] if isinstance(wanted, str) else list(wanted)


def _tag(name: str) -> str:
    if not name or '"' in name:  # would end the quotation in the engine's path
        raise InputError(f"no tag can be named {name!r}")
    return f'tags."{name}"'


def _to_passage(payload: Mapping[str, Any], scores: Scores) -> Passage:
    return Passage(
        document_id=payload["document_id"],
        title=payload["title"],
        source=payload["source"],
        page=payload["page"],
        heading=payload["heading"],
        start=payload["start"],
        end=payload["end"],
        text=payload["text"],
        score=scores.fused or 0.0,
        scores=scores,
    )
