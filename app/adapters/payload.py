"""How a chunk is written into a point of Qdrant, the same for both stores.

A point's payload says everything about its chunk and its document, so that the store is
the register of documents. `live` is 1 for the version that readers see.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from app.adapters.fields import Between, Condition
from app.core.dates import moment
from app.core.errors import InputError
from app.core.file_types import file_type
from app.core.types import Chunk, Document, Narrowing, Passage, Scope, Scores, parent_of

DOCUMENT = tuple(Document.model_fields)
"""Payload fields that say something of the document."""
MOST_LANGUAGES = 12
"""Languages in which one question is asked; a tenant's rarer ones are left out."""

_NAMESPACE = uuid.UUID("6f1f2f0e-6b36-4c39-9d1a-0f0b8c7a5f10")
_PLAIN_FILTERS = {"document_id": "document_id", "source": "sources", "title": "title"}


def document_id(tenant: str, source: str) -> str:
    """The id of a document, the same in every version of it."""
    return str(uuid.uuid5(_NAMESPACE, f"{tenant}\n{source}"))


def point_id(document: Document, ordinal: int) -> str:
    """The id of a chunk of this version: storing it twice changes nothing."""
    version = f"{document.document_id}\n{document.content_hash}"
    return str(uuid.uuid5(_NAMESPACE, f"{version}\n{ordinal}"))


def point_ids(document: Document) -> list[str]:
    """The ids of all chunks of this version."""
    return [point_id(document, ordinal) for ordinal in range(document.chunks)]


def to_payload(document: Document, chunk: Chunk, *, live: bool) -> dict[str, Any]:
    """All that a point says."""
    return {
        **document.model_dump(),
        **to_places(document.sources or [document.source]),
        **_to_date(document),
        "ordinal": chunk.ordinal,
        "text": chunk.text,
        "start": chunk.start,
        "end": chunk.end,
        "page": chunk.page,
        "heading": chunk.heading,
        "context": chunk.context,
        **({} if chunk.ordinal else document.not_shown()),
        "live": int(live),  # a number: the embedded engine matches no booleans
    }


def to_places(sources: Sequence[str]) -> dict[str, Any]:
    """The part of a payload that says where a document was found."""
    first = sources[0]
    types = sorted({kind for source in sources if (kind := file_type(source))})
    return {
        "source": first,
        "sources": list(sources),
        "parent": parent_of(first),
        "file_types": types,
    }


def to_shown(document: Document) -> dict[str, Any]:
    """The part of a payload that is settled only when readers are to see it."""
    places = to_places(document.sources or [document.source])
    return {**places, **_to_date(document), "ingested_at": document.ingested_at, "live": 1}


def _to_date(document: Document) -> dict[str, Any]:
    return {"dated": _seconds(dated(document.tags, document.ingested_at))}


def _seconds(time: datetime | None) -> int | None:
    return int(time.timestamp()) if time else None


def to_document(payload: Mapping[str, Any]) -> Document:
    """The document that a point belongs to. The engine keeps no field without a value."""
    known = Document.model_fields.keys() & payload.keys()
    return Document(**{name: payload[name] for name in known})


def to_chunk(payload: Mapping[str, Any]) -> Chunk:
    """The chunk that a point holds."""
    return Chunk(
        ordinal=payload["ordinal"],
        text=payload["text"],
        start=payload["start"],
        end=payload["end"],
        page=payload["page"],
        heading=payload["heading"],
        context=payload.get("context", ""),
    )


def to_passage(payload: Mapping[str, Any], scores: Scores, vector: bytes = b"") -> Passage:
    """The passage that a point holds, with its embedding, as float32, if that is given."""
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
        dated=dated(payload.get("tags") or {}, payload["ingested_at"]),
        vector=vector,
    )


def dated(tags: Mapping[str, str], ingested_at: str) -> datetime | None:
    """The date of a document: its tag `date`, if that is one, else when it was ingested."""
    return moment(tags.get("date", "")) or moment(ingested_at)


def conditions(scope: Scope) -> Iterator[Condition]:
    """What every read demands: the tenant, the live version, and the caller's filters."""
    yield "tenant", [scope.tenant]
    yield "live", [1]
    for name, wanted in scope.filters.items():
        key = _PLAIN_FILTERS.get(name) or _tag(name)
        yield key, [wanted] if isinstance(wanted, str) else list(wanted)
    yield from _narrowed(scope.narrowed)


def _narrowed(narrowed: Narrowing) -> Iterator[Condition]:
    if narrowed.since or narrowed.until:
        yield "dated", Between(_seconds(narrowed.since), _seconds(narrowed.until))
    if narrowed.file_types:
        yield "file_types", list(narrowed.file_types)
    for name, value in narrowed.tags:
        yield _tag(name), [value]


def _tag(name: str) -> str:
    if not name or '"' in name:  # would end the quotation in the engine's path
        raise InputError(f"no tag can be named {name!r}")
    return f'tags."{name}"'
