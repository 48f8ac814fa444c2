"""A large synthetic library: documents of ten chunks, their vectors spread as a model's are.

The vectors of a document's chunks lie around the document, the documents around topics of
uneven size; the spectrum of all three falls off. Their parameters are set so that neighbours
are as near, and as hard to tell apart, as those of all-MiniLM-L6-v2. Among 9,000 passages of
scientific abstracts and Wikipedia under it and among as many of these, for questions:

    median cosine to the 1st, 10th and 50th neighbour   0.61 0.45 0.37    0.65 0.36 0.26
    intrinsic dimension (Levina & Bickel, 2004)          23                23
    variance in the first 10, 50, 100 of 384 directions  .22 .49 .69       .26 .53 .69
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import numpy as np

from app.adapters import payload
from app.adapters.bm25 import Bm25Encoder
from app.core.types import Chunk, Document, EncodedChunk, HybridQuery, Scope, Vectors
from eval.bench.material.corpus import DIMENSIONS, WORDS_OF_CHUNK, WORDS_OF_QUERY, words

OF_DOCUMENT = 10
"""Chunks of each document."""

_BATCH = 200  # documents made at once
_TOPICS = 500
_CHUNK_NOISE, _QUERY_NOISE = 1.1, 1.2  # of a document's distance from its topic
_TENANT = Scope().tenant


class Library:
    """The same documents and questions in every process.

    Args:
        documents: How many there are.
    """

    def __init__(self, documents: int) -> None:
        rng = np.random.default_rng(1)
        self._documents = documents
        self._turn, _ = np.linalg.qr(rng.standard_normal((DIMENSIONS, DIMENSIONS)))
        self._spread = _spectrum(0.4)
        self._topics = rng.standard_normal((_TOPICS, DIMENSIONS)) * _spectrum(0.3)
        share = np.arange(1, _TOPICS + 1) ** -0.5
        self._share = share / share.sum()
        self._bm25 = Bm25Encoder(avg_len=WORDS_OF_CHUNK + 1)

    def documents(self) -> Iterator[tuple[Document, list[EncodedChunk]]]:
        """Documents ready to be stored, made as they are asked for."""
        rng = np.random.default_rng(2)
        for first in range(0, self._documents, _BATCH):
            count = min(_BATCH, self._documents - first)
            places = np.repeat(self._places(rng, count), OF_DOCUMENT, axis=0)
            vectors = self._unit(places + _CHUNK_NOISE * self._noise(rng, len(places)))
            for n in range(count):
                rows = slice(n * OF_DOCUMENT, (n + 1) * OF_DOCUMENT)
                texts = [words(rng, WORDS_OF_CHUNK) for _ in range(OF_DOCUMENT)]
                yield self._document(first + n, texts, vectors[rows])

    def questions(self, count: int, depth: int, limit: int) -> list[HybridQuery]:
        """Questions near chunks that are like those of the library.

        Args:
            depth: Candidates of each search; `limit`: of both together.
        """
        rng = np.random.default_rng(3)
        chunks = self._places(rng, count) + _CHUNK_NOISE * self._noise(rng, count)
        vectors = self._unit(_unit(chunks) + _QUERY_NOISE * self._noise(rng, count))
        return [
            HybridQuery(vector, self._bm25.encode_query(words(rng, WORDS_OF_QUERY)), limit, depth)
            for vector in vectors
        ]

    def _document(
        self, number: int, texts: list[str], vectors: Vectors
    ) -> tuple[Document, list[EncodedChunk]]:
        source = f"library/synthetic-{number}.txt"
        document = Document(
            document_id=payload.document_id(_TENANT, source),
            title=f"Synthetic {number}",
            source=source,
            content_hash=f"{number:064x}",
            chunks=len(texts),
            pages=1,
            tenant=_TENANT,
            ingested_at=datetime.now(UTC).isoformat(),
        )
        ends = np.cumsum([len(text) for text in texts]).tolist()
        chunks = [
            Chunk(n, text, end - len(text), end, page=1)
            for n, (text, end) in enumerate(zip(texts, ends, strict=True))
        ]
        terms = self._bm25.encode_documents(texts)
        return document, list(map(EncodedChunk, chunks, vectors, terms))

    def _places(self, rng: np.random.Generator, count: int) -> Vectors:
        topics = rng.choice(_TOPICS, count, p=self._share)
        return np.asarray(self._topics[topics] + self._noise(rng, count), dtype=np.float32)

    def _noise(self, rng: np.random.Generator, count: int) -> Vectors:
        noise = rng.standard_normal((count, DIMENSIONS), dtype=np.float32)
        return np.asarray(noise * self._spread, dtype=np.float32)

    def _unit(self, vectors: Vectors) -> Vectors:
        # Turned, so that no direction of the file is worth more than another.
        return _unit(vectors @ self._turn)


def _unit(vectors: Vectors) -> Vectors:
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / length, dtype=np.float32)


def _spectrum(fall: float) -> Vectors:
    """Standard deviations by direction, a unit vector."""
    weights = np.arange(1, DIMENSIONS + 1) ** -fall
    return np.asarray(weights / np.linalg.norm(weights), dtype=np.float32)
