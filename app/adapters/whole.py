"""The whole index read and counted, across tenants, the same for both stores."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections import defaultdict
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from app.adapters import payload as form
from app.adapters.fields import BM25, DENSE, Condition
from app.adapters.fusion import is_newest, newest
from app.adapters.paging import Paged
from app.core.errors import PermanentError
from app.core.types import Census, Counts, Document, EncodedChunk, SparseVector

_AT_ONCE = 512  # chunks that are read together
_FIRST: list[Condition] = [("live", [1]), ("ordinal", [0])]
_PAUSES = (0.05, 0.2, 1.0)  # seconds, while a document is being replaced


@dataclass(frozen=True, slots=True, order=True)
class _Listed:
    tenant: str
    source: str
    document_id: str
    chunks: int


class Whole(Paged):
    """Everything in the index, for a store that can list points."""

    @abstractmethod
    async def _facet(self, key: str, conditions: Sequence[Condition]) -> Mapping[str, int]:
        """Points by value of a field."""

    async def everything(
        self, wanted: Callable[[Document], bool] | None = None
    ) -> AsyncGenerator[tuple[Document, list[EncodedChunk]], None]:
        """Documents of all tenants with their chunks; see the port."""
        for some in _windows(sorted(await self._list(wanted))):
            for version in await self._versions(some):
                yield version

    async def census(self) -> Census:
        """How much there is of each tenant and language."""
        documents = await self._facet("tenant", _FIRST)
        chunks = await self._facet("tenant", _FIRST[:1])
        tenants = {t: Counts(n, chunks.get(t, 0)) for t, n in sorted(documents.items())}
        return Census(tenants, await self._facet("language", _FIRST))

    async def _list(self, wanted: Callable[[Document], bool] | None) -> list[_Listed]:
        found: dict[str, _Listed] = {}
        async for points in self._pages(_FIRST, fields=form.DOCUMENT):
            for point in points:
                d = form.to_document(point.payload)
                if d.document_id not in found and (wanted is None or wanted(d)):
                    found[d.document_id] = _Listed(d.tenant, d.source, d.document_id, d.chunks)
        return list(found.values())

    async def _versions(self, some: Sequence[_Listed]) -> list[tuple[Document, list[EncodedChunk]]]:
        """What was listed, but for documents that are gone, each in one whole version."""
        found: dict[str, tuple[Document, list[EncodedChunk]]] = {}
        missing = [listed.document_id for listed in some]
        for pause in (*_PAUSES, None):
            points: defaultdict[str, list[Any]] = defaultdict(list)
            conditions: list[Condition] = [("live", [1]), ("document_id", [*missing])]
            async for page in self._pages(conditions, vectors=True):
                for point in page:
                    points[point.payload["document_id"]].append(point)
            torn = []
            for document_id, of_document in points.items():
                if version := _version(of_document):
                    found[document_id] = version
                else:
                    torn.append(document_id)
            if not torn:
                return [found[item.document_id] for item in some if item.document_id in found]
            missing = torn
            if pause is not None:
                await asyncio.sleep(pause)
        raise PermanentError(
            f"document {missing[0]} is not whole in the index", hint="ingest its file again"
        )


def _windows(listed: Iterable[_Listed]) -> Iterator[list[_Listed]]:
    some: list[_Listed] = []
    chunks = 0
    for item in listed:
        if some and chunks + item.chunks > _AT_ONCE:
            yield some
            some, chunks = [], 0
        some.append(item)
        chunks += item.chunks
    if some:
        yield some


def _version(points: Sequence[Any]) -> tuple[Document, list[EncodedChunk]] | None:
    """The newest version of a document; None when it is not whole."""
    current = newest(point.payload for point in points)
    live = [point for point in points if is_newest(point.payload, current)]
    live.sort(key=lambda point: int(point.payload["ordinal"]))
    document = form.to_document(live[0].payload)
    if [point.payload["ordinal"] for point in live] != list(range(document.chunks)):
        return None
    return document, [_encoded(point) for point in live]


def _encoded(point: Any) -> EncodedChunk:
    sparse = point.vector[BM25]
    return EncodedChunk(
        form.to_chunk(point.payload),
        np.asarray(point.vector[DENSE], np.float32),
        SparseVector.packed(sparse.indices, sparse.values),
    )
