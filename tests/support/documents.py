"""Documents made by hand, encoded by a small deterministic stand-in for a model."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import numpy as np

from app.adapters import payload
from app.adapters.bm25 import Bm25Encoder
from app.core.text import words
from app.core.types import Chunk, Document, EncodedChunk, Fusion, HybridQuery, Vector

DIMENSIONS = 32
_BM25 = Bm25Encoder(avg_len=8)


class Made(NamedTuple):
    """A version of a document, ready for `store.replace(*made)`."""

    document: Document
    chunks: list[EncodedChunk]

    @property
    def id(self) -> str:
        return self.document.document_id

    @property
    def text(self) -> str:
        return "".join(encoded.chunk.text for encoded in self.chunks)


def made(
    source: str,
    texts: Sequence[str],
    *,
    tenant: str = "default",
    title: str | None = None,
    tags: Mapping[str, str] | None = None,
    language: str = "",
) -> Made:
    """A version of the document `source` whose chunks are `texts`."""
    document = Document(
        document_id=payload.document_id(tenant, source),
        title=title or source,
        source=source,
        sources=[source],
        language=language,
        content_hash=hashlib.sha256("\n".join(texts).encode()).hexdigest(),
        chunks=len(texts),
        pages=1,
        tenant=tenant,
        tags=dict(tags or {}),
        ingested_at=datetime.now(UTC).isoformat(),
    )
    starts = np.cumsum([0, *(len(text) for text in texts)]).tolist()
    chunks = [
        Chunk(n, text, starts[n], starts[n + 1], page=1, heading="Heading")
        for n, text in enumerate(texts)
    ]
    sparse = _BM25.encode_documents(list(texts), language)
    return Made(
        document,
        [
            EncodedChunk(chunk, dense(chunk.text), terms)
            for chunk, terms in zip(chunks, sparse, strict=True)
        ],
    )


def asking(
    question: str,
    *,
    dense_like: str | None = None,
    weights: tuple[float, float] = (1.0, 1.0),
    limit: int = 20,
    fusion: Fusion = "question",
) -> HybridQuery:
    """A query; `dense_like` gives the dense search another text than BM25."""
    return HybridQuery(
        dense(question if dense_like is None else dense_like),
        _BM25.encode_query(question),
        limit=limit,
        weights=weights,
        fusion=fusion,
    )


def dense(text: str) -> Vector:
    """A unit vector that is near for texts that share words."""
    total = np.full(DIMENSIONS, 1e-3, dtype=np.float32)
    for word in words(text):
        seed = int.from_bytes(hashlib.sha256(word.encode()).digest()[:4], "big")
        total += np.random.default_rng(seed).standard_normal(DIMENSIONS).astype(np.float32)
    return np.asarray(total / np.linalg.norm(total), dtype=np.float32)
