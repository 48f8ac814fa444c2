"""What driver and workers of a cluster send each other: rows of bytes, of JSON but for numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from app.core.exchange import Failure
from app.core.types import Chunk, Document, EncodedChunk, SparseVector
from ingestion.prepare import Prepared, Source, Unexpected
from ingestion.run import Staged
from ingestion.wire import body, message

ORDER = "order"
"""The only column of what a worker gets."""


@dataclass(frozen=True, slots=True)
class Order:
    """A file for a worker, and what is settled of its document before anyone has read it."""

    source: Source
    document: Document

    def row(self) -> dict[str, bytes]:
        """As a row of a table."""
        return {ORDER: body(self, Order)}

    @classmethod
    def of(cls, cell: bytes) -> Order:
        """The order in a cell of the table."""
        order: Order = message(cell, Order)
        return order


@dataclass(frozen=True, slots=True)
class Delivery:
    """A document that came out of the file `name`, ready to be stored or shown.

    Args:
        outcome: Without chunks and texts; or why there is no document.
        chunks: Encoded, or in the store already.
        embedded: How many texts went through the model.
    """

    name: str
    outcome: Prepared | Failure
    chunks: list[EncodedChunk] | Staged
    embedded: int = 0

    def row(self) -> dict[str, Any]:
        """As a row of a table, every one with the same columns."""
        outcome, staged = self.outcome, isinstance(self.chunks, Staged)
        if isinstance(outcome, Prepared):
            outcome = replace(outcome, chunks=(), texts=())
        chunks = [] if isinstance(self.chunks, Staged) else self.chunks
        return {
            "name": self.name,
            "outcome": body(outcome, _Outcome),
            "staged": len(self.chunks) if staged else -1,
            "embedded": self.embedded,
            "chunks": body([encoded.chunk for encoded in chunks], list[Chunk]),
            "terms": _bytes((encoded.sparse.indices for encoded in chunks), "<u4"),
            "weights": _bytes((encoded.sparse.values for encoded in chunks), "<f4"),
            "counts": _bytes([[len(encoded.sparse.indices) for encoded in chunks]], "<u4"),
            "vectors": _bytes((encoded.dense for encoded in chunks), "<f4"),
        }

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Delivery:
        """The delivery in a row of the table."""
        staged = row["staged"]
        return cls(
            row["name"],
            message(row["outcome"], _Outcome),
            Staged(staged) if staged >= 0 else _encoded(row),
            row["embedded"],
        )


_Outcome = Prepared | Unexpected | Failure


def _bytes(rows: Iterable[Any], kind: str) -> bytes:
    return b"".join(np.asarray(row, kind).tobytes() for row in rows)


def _encoded(row: Mapping[str, Any]) -> list[EncodedChunk]:
    chunks: Sequence[Chunk] = message(row["chunks"], list[Chunk])
    if not chunks:
        return []
    vectors = np.frombuffer(row["vectors"], "<f4").reshape(len(chunks), -1)
    ends = np.cumsum(np.frombuffer(row["counts"], "<u4"))[:-1]
    terms = np.split(np.frombuffer(row["terms"], "<u4"), ends)
    weights = np.split(np.frombuffer(row["weights"], "<f4"), ends)
    sparse = map(SparseVector.packed, terms, weights)
    return [EncodedChunk(*parts) for parts in zip(chunks, vectors, sparse, strict=True)]
