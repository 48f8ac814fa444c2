"""A judged set in a real index, as a user's documents would be in it."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from app import parts
from app.adapters import payload
from app.adapters.vector_cache import SqliteVectorCache
from app.core.ports import ChunkStore, DenseEncoder, VectorCache
from app.core.settings import load_settings
from app.core.text import Span
from app.core.types import Document, EncodedChunk, ParsedDocument, Scope
from app.service import Footnote
from app.wiring import open_footnote
from eval.judged.measures import Judge
from eval.judged.sets import JudgedSet
from ingestion.chunk import Chunker
from ingestion.describe import described
from ingestion.encode import Encoder
from ingestion.prepare import Prepared

SCOPE = Scope()
_AT_ONCE = 100  # documents
_CACHE_MB = 2000


async def prepare(one: JudgedSet, chunker: Chunker) -> list[Prepared]:
    """The set's texts, cut; a document's source is its key. Empty ones are left out."""
    found: list[Prepared] = []
    for text in one.texts:
        document = ParsedDocument(text.key, text.title, text.body)
        chunks = chunker.cut(document)
        if chunks:
            prepared = Prepared(
                source=text.key,
                content_hash=hashlib.sha256(text.body.encode()).hexdigest(),
                title=text.title,
                pages=0,
                language=None,
                flags=(),
                chunks=chunks,
                texts=chunker.embedding_texts(document, chunks),
            )
            found.append(await described(prepared))
    return found


def judge(documents: Sequence[Prepared]) -> Judge:
    """The judge of rankings over these documents."""
    return Judge({d.source: [Span(c.start, c.end) for c in d.chunks] for d in documents})


def vector_cache(folder: Path, dense: DenseEncoder) -> SqliteVectorCache:
    """Vectors of earlier runs with this model."""
    return SqliteVectorCache(
        folder / "vectors.sqlite",
        model=dense.name,
        dimensions=dense.dimensions,
        megabytes=_CACHE_MB,
    )


@asynccontextmanager
async def open_filled(
    sets: Sequence[JudgedSet], cache: Path, **changed: Any
) -> AsyncIterator[tuple[Footnote, Judge]]:
    """The service over the texts of all sets, in a folder of its own, and the judge of its finds.

    Args:
        cache: Folder in which the texts' vectors are remembered from run to run.
        changed: Settings that are not as they come.
    """
    with tempfile.TemporaryDirectory() as folder:
        settings = load_settings(data_dir=Path(folder), **changed)
        async with open_footnote(settings) as footnote:
            dense = footnote.base.dense
            chunker = parts.chunker(settings, dense)
            documents = [ready for one in sets for ready in await prepare(one, chunker)]
            vectors = vector_cache(cache, dense)
            try:
                await _fill(footnote, vectors, documents)
            finally:
                await vectors.close()
            yield footnote, judge(documents)


async def _fill(footnote: Footnote, vectors: VectorCache, documents: Sequence[Prepared]) -> None:
    encoder = Encoder(footnote.base.dense, footnote.base.sparse, vectors)
    store: ChunkStore = footnote.store
    for first in range(0, len(documents), _AT_ONCE):
        some = documents[first : first + _AT_ONCE]
        encoded, _ = await encoder.encode(some)
        await store.add(list(map(_version, some, encoded)))
    await store.optimize()


def _version(
    prepared: Prepared, chunks: Sequence[EncodedChunk]
) -> tuple[Document, Sequence[EncodedChunk]]:
    document = Document(
        document_id=payload.document_id(SCOPE.tenant, prepared.source),
        title=prepared.title,
        source=prepared.source,
        language=prepared.language or "",
        content_hash=prepared.content_hash,
        chunks=len(chunks),
        pages=prepared.pages,
        tenant=SCOPE.tenant,
        ingested_at=datetime.now(UTC).isoformat(),
        signature=prepared.signature,
    )
    return document, chunks
