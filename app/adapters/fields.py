"""The names of what a point of Qdrant says, and how points are asked for by them.

Apart from `payload.py`, because the engine's own process reads them, which starts in no time.
"""

from __future__ import annotations

from dataclasses import dataclass

DENSE = "dense"
BM25 = "bm25"
KEYWORDS = (
    "tenant",
    "document_id",
    "content_hash",
    "sources",
    "title",
    "language",
    "file_types",
)
"""Payload fields with a keyword index."""
INTEGERS = ("live", "ordinal")
"""Payload fields with an integer index."""
TIMES = ("dated",)
"""Payload fields with an integer index for ranges, in seconds since 1970."""


@dataclass(frozen=True, slots=True)
class Between:
    """At least `start`, if given, and less than `end`, if given."""

    start: int | None
    end: int | None


Condition = tuple[str, list[str | int] | Between]
"""A field, and the values of which it has one, or the bounds it lies in."""
