"""The register of documents, read out of the points of either store."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from app.adapters import payload as form
from app.adapters.fields import Condition
from app.adapters.fusion import is_newest, newest
from app.adapters.paging import Paged
from app.core.errors import NotFoundError, PermanentError, TransientError
from app.core.types import Chunk, Document, EncodedChunk, Scope

T = TypeVar("T")
FIRST: Condition = ("ordinal", [0])
"""Of the chunks of a document, the one that stands for it."""


class Register(Paged):
    """Documents and their chunks, for a store that can list payloads."""

    async def _scroll(
        self,
        scope: Scope,
        more: Sequence[Condition],
        read: Callable[[Mapping[str, Any]], T],
        fields: Sequence[str] | None = None,
    ) -> list[T]:
        """What is read out of all points in the scope for which `more` holds, in any order.

        Args:
            read: Gets a payload, which is not kept: those of a whole tenant would fill memory.
            fields: That it needs; all without.
        """
        wanted = [*form.conditions(scope), *more]
        pages = self._pages(wanted, fields=fields)
        return [read(point.payload) async for points in pages for point in points]

    @abstractmethod
    async def replace(self, document: Document, chunks: Sequence[EncodedChunk]) -> None:
        """See `ChunkStore`."""

    async def add(self, versions: Sequence[tuple[Document, Sequence[EncodedChunk]]]) -> None:
        """Store documents of which the index holds no version."""
        for document, chunks in versions:
            await self.replace(document, chunks)

    async def documents(
        self, scope: Scope, *, limit: int | None = None, offset: int = 0
    ) -> list[Document]:
        """Documents in order of title, then id."""
        stored = await self._scroll(scope, [FIRST], form.to_document, form.DOCUMENT)
        found = sorted(
            _newest(stored), key=lambda document: (document.title.lower(), document.document_id)
        )
        return found[offset : None if limit is None else offset + limit]

    async def register(self, scope: Scope) -> AsyncGenerator[list[Document], None]:
        """All documents, some at a time; see the port."""
        first = [*form.conditions(scope), FIRST]
        async for points in self._pages(first, fields=form.DOCUMENT):
            yield [form.to_document(point.payload) for point in points]

    async def document(self, document_id: str, scope: Scope) -> Document:
        """One document. Raises NotFoundError."""
        first: list[Condition] = [("document_id", [document_id]), FIRST]
        records = await self._scroll(scope, first, dict)
        return form.to_document(_some(records, document_id)[0])

    async def chunks(self, document_id: str, scope: Scope) -> list[Chunk]:
        """All chunks of a document in order. Raises NotFoundError."""
        records = await self._scroll(scope, [("document_id", [document_id])], dict)
        found = (form.to_chunk(record) for record in _some(records, document_id))
        return sorted(found, key=lambda chunk: chunk.ordinal)

    async def _stands(self, document: Document) -> bool:
        """Whether readers see this very version already."""
        version: list[Condition] = [
            ("document_id", [document.document_id]),
            ("content_hash", [document.content_hash]),
            FIRST,
        ]
        return bool(await self._scroll(Scope(tenant=document.tenant), version, dict))


def refuse_empty(document: Document, chunks: Sequence[EncodedChunk]) -> None:
    """Raise PermanentError for a version without chunks: it would delete the document."""
    if not chunks:
        raise PermanentError(f"{document.source} has no text", hint="check the file")


def refuse_partial(document: Document) -> TransientError:
    """What to raise for a staged version that is not there, or not all of it."""
    return TransientError(
        f"the new version of {document.source} is gone from the index before it was shown",
        hint="run again",
    )


def _newest(stored: Iterable[Document]) -> Iterable[Document]:
    """Each document in the version that was ingested last, see `fusion.newest`."""
    found: dict[str, Document] = {}
    for document in stored:
        other = found.setdefault(document.document_id, document)
        found[document.document_id] = max(
            document, other, key=lambda version: (version.ingested_at, version.content_hash)
        )
    return found.values()


def _some(records: list[dict[str, Any]], document_id: str) -> list[Mapping[str, Any]]:
    if not records:
        raise NotFoundError(f"no document {document_id}", hint="see `footnote documents list`")
    return _current(records)


def _current(records: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    current = newest(records)
    return [record for record in records if is_newest(record, current)]
