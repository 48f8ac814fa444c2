"""From paragraphs to hit rates, through the language detector, encoder and store that serve."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from app.adapters import payload
from app.adapters.bm25 import Bm25Encoder
from app.adapters.qdrant_edge import EdgeStore
from app.core.types import Chunk, Document, EncodedChunk, HybridQuery, Scope
from eval.multilingual.sets import Set
from ingestion.language import detect

_TOP = 10
_DIMENSIONS = 4
_NO_SENSE = np.full(_DIMENSIONS, _DIMENSIONS**-0.5, dtype=np.float32)


async def hit_rates(sets: Sequence[Set], *, every: int = 1) -> dict[str, tuple[float, float]]:
    """By language: shares of questions whose paragraph is first, and among the first ten.

    All sets go into one tenant of one index, a paragraph a document of one chunk. The search is
    the service's, with BM25 as its only voice.

    Args:
        sets: What is searched, together.
        every: Ask each so-manieth question only.
    """
    bm25 = Bm25Encoder()
    with tempfile.TemporaryDirectory() as folder:
        store = await EdgeStore.open(Path(folder), dimensions=_DIMENSIONS, fingerprint={})
        for one in sets:
            for number, text in enumerate(one.paragraphs):
                await store.replace(*_made(f"{one.language}-{number}", text, bm25))
        rates = {}
        for one in sets:
            asked = one.questions[::every]
            ranks = [await _rank(store, bm25, q, f"{one.language}-{n}") for q, n in asked]
            rates[one.language] = (
                float(np.mean([rank == 1 for rank in ranks])),
                float(np.mean([rank is not None for rank in ranks])),
            )
        await store.close()
    return rates


async def _rank(store: EdgeStore, bm25: Bm25Encoder, question: str, gold: str) -> int | None:
    """From 1; None below the top."""
    terms = bm25.encode_query(question, await store.languages(Scope()))
    query = HybridQuery(_NO_SENSE, terms, limit=_TOP, depth=_TOP, weights=(0.0, 1.0))
    found = [passage.source for passage in await store.search(query, Scope())]
    return found.index(gold) + 1 if gold in found else None


def _made(source: str, text: str, bm25: Bm25Encoder) -> tuple[Document, list[EncodedChunk]]:
    language = detect(text)
    (terms,) = bm25.encode_documents([text], language)
    document = Document(
        document_id=payload.document_id(Scope().tenant, source),
        title=source,
        source=source,
        language=language,
        content_hash=source,
        chunks=1,
        pages=1,
        tenant=Scope().tenant,
        ingested_at=datetime.now(UTC).isoformat(),
    )
    return document, [EncodedChunk(Chunk(0, text, 0, len(text)), _NO_SENSE, terms)]
