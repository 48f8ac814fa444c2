"""Chunks to what the store keeps of them: vectors from the model or the cache, and terms."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import numpy as np

from app.core.exchange import Failure
from app.core.ports import DenseEncoder, SparseEncoder, VectorCache
from app.core.types import EncodedChunk, SparseVector, Vector, Vectors
from ingestion.prepare import Prepared, explain


class Encoder:
    """Encodes documents, several at a time.

    Args:
        cache: Where vectors of texts that were encoded before are looked up.
    """

    def __init__(
        self,
        dense: DenseEncoder,
        sparse: SparseEncoder,
        cache: VectorCache | None = None,
    ) -> None:
        self._dense = dense
        self._sparse = sparse
        self._cache = cache

    async def encode(self, documents: Sequence[Prepared]) -> tuple[list[list[EncodedChunk]], int]:
        """The chunks of each document, and how many texts went through the model."""
        texts = [text for document in documents for text in document.texts]
        (dense, computed), sparse = await asyncio.gather(
            self._vectors(texts), asyncio.to_thread(self._terms, documents)
        )
        rows = iter(dense)
        encoded = [
            [
                EncodedChunk(chunk, next(rows), terms)
                for chunk, terms in zip(document.chunks, of_document, strict=True)
            ]
            for document, of_document in zip(documents, sparse, strict=True)
        ]
        return encoded, computed

    async def encode_each(
        self, documents: Sequence[Prepared]
    ) -> tuple[list[list[EncodedChunk] | Failure], int]:
        """As `encode`, but a document that cannot be encoded costs nothing but itself."""
        try:
            encoded, computed = await self.encode(documents)
        except Exception as error:
            if len(documents) == 1:
                return [explain(documents[0].source, error)], 0
            alone = [await self.encode_each([document]) for document in documents]
            return [found for (found,), _ in alone], sum(computed for _, computed in alone)
        return [*encoded], computed

    def _terms(self, documents: Sequence[Prepared]) -> list[list[SparseVector]]:
        return [self._sparse.encode_documents(d.texts, d.language or "") for d in documents]

    async def _vectors(self, texts: Sequence[str]) -> tuple[Vectors, int]:
        """Vectors in order; a text that occurs twice, or did before, is encoded once."""
        unique = list(dict.fromkeys(texts))
        known = await self._cache.get(unique) if self._cache else [None] * len(unique)
        missing = [text for text, vector in zip(unique, known, strict=True) if vector is None]
        computed = await self._dense.encode(missing)
        if self._cache and missing:
            await self._cache.put(missing, computed)
        found: dict[str, Vector] = {
            text: vector for text, vector in zip(unique, known, strict=True) if vector is not None
        }
        found.update(zip(missing, computed, strict=True))
        rows = [found[text] for text in texts]
        return (np.stack(rows) if rows else computed), len(missing)
