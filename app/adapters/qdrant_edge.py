"""The embedded chunk store: Qdrant's own engine, in a process of its own.

One thread asks the engine, one thing after the other: a read and the moment in which a version
becomes visible do not meet, so that no reader sees two versions of a document.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
from cachetools import LRUCache

from app.adapters import payload as form
from app.adapters.edge_engine import Engine, NewPoint, StoredPoint
from app.adapters.edge_process import engine_in_a_process
from app.adapters.fields import BM25, DENSE, Condition
from app.adapters.fusion import ranked, voices
from app.adapters.heap import give_back
from app.adapters.register import FIRST, Register, refuse_empty, refuse_partial
from app.adapters.whole import Whole
from app.adapters.worker import Worker
from app.core.types import (
    Document,
    EncodedChunk,
    HybridQuery,
    IndexInfo,
    Passage,
    Scalar,
    Scope,
    SparseVector,
)

T = TypeVar("T")
_TENANTS = 1000  # whose languages are remembered
# Bytes of vectors that wait, searched one by one, for a graph: the smallest piece and, of a large
# index, a tenth of what it has beyond a small one, up to the largest piece. Less would take less
# memory (4 KB for a chunk that waits), but the parts that come of it would be merged more often.
_SMALLEST_PIECE, _LARGEST_PIECE, _OF_INDEX, _SMALL_INDEX = 5 << 20, 192 << 20, 0.1, 100 << 20
_BYTES_A_VALUE = 4
_PAGE, _SCROLL = 512, 1000  # points that are read together, with vectors and without
_VALUES = 1_000_000


class EdgeStore(Register, Whole):
    """A ChunkStore in a folder. Make one with `await EdgeStore.open(...)`."""

    def __init__(
        self,
        folder: Path,
        engine: Engine,
        worker: Worker,
        dimensions: int,
        fingerprint: Mapping[str, Scalar],
    ) -> None:
        self._folder = folder
        self._engine = engine
        self._worker = worker
        self._dimensions = dimensions
        self._fingerprint = fingerprint
        self._replacing = asyncio.Lock()  # two versions at once would delete each other
        # Only this process writes, so a count since its start tells versions apart.
        self._boot, self._changes = uuid.uuid4().hex, 0
        self._languages: LRUCache[tuple[str, str], Sequence[str]] = LRUCache(_TENANTS)
        self._waiting, self._piece = 0, 0.0  # bytes of vectors stored since `optimize`; see `_cut`
        self._shared: Mapping[str, str | int] = {}  # see `_compare`
        self._closed = False

    @classmethod
    async def open(
        cls, folder: Path, *, dimensions: int, fingerprint: Mapping[str, Scalar]
    ) -> EdgeStore:
        """Open the index in `folder`, making it when there is none.

        Raises:
            LockedError: Another process holds it.
            ConfigError: It was made with another model, chunker or parser.
            PermanentError: Its files are damaged.
        """
        worker = Worker("edge")
        try:
            engine = await worker.run(lambda: engine_in_a_process(folder, dimensions, fingerprint))
        except BaseException:
            await worker.close()
            raise
        store = cls(folder, engine, worker, dimensions, fingerprint)
        try:
            await worker.run(store._cut)
            await store._compare()
        except BaseException:
            await store.close()
            raise
        return store

    async def replace(self, document: Document, chunks: Sequence[EncodedChunk]) -> None:
        """Store a version beside the old one, then switch to it in one step.

        Raises PermanentError when there are no chunks.
        """
        async with self._replacing:
            await self._stage(document, chunks)
            await self._show(document)

    async def add(self, versions: Sequence[tuple[Document, Sequence[EncodedChunk]]]) -> None:
        """Store documents of which there is no version: unseen first, then seen all at once."""
        for document, chunks in versions:
            refuse_empty(document, chunks)

        def show() -> None:
            self._engine.say(self._stored([document for document, _ in versions]), {"live": 1})
            self._changes += 1

        async with self._replacing:
            await self._unshare()
            await self._store(versions)
            await self._worker.run(show)
            await self._keep_small(chunks for _, chunks in versions)

    async def stage(self, document: Document, chunks: Sequence[EncodedChunk]) -> None:
        """Store a version beside the old one. Raises PermanentError without chunks."""
        async with self._replacing:
            await self._stage(document, chunks)

    async def show(self, document: Document) -> None:
        """Switch to a staged version in one step. Raises TransientError when it is not there."""
        async with self._replacing:
            await self._show(document)

    async def _stage(self, document: Document, chunks: Sequence[EncodedChunk]) -> None:
        refuse_empty(document, chunks)
        # What is live already stays so: new tags must not hide it meanwhile.
        live = await self._stands(document)
        await self._unshare()
        await self._store([(document, chunks)], live=live)
        await self._keep_small([chunks])

    async def _store(
        self, versions: Sequence[tuple[Document, Sequence[EncodedChunk]]], *, live: bool = False
    ) -> None:
        def work() -> None:
            points = [_point(d, each, live=live) for d, chunks in versions for each in chunks]
            self._engine.store(points)

        await self._worker.run(work)

    async def _show(self, document: Document) -> None:
        mine: list[Condition] = [("document_id", [document.document_id])]

        def switch() -> None:
            ids = self._stored([document])
            # What is left when this is killed half-way, `mend` in edge_shard.py sorts out.
            self._engine.say_where(mine, {"live": 0}, but=ids)
            self._engine.say(ids, form.to_shown(document))
            self._engine.remove(mine, but=ids)
            self._changes += 1

        await self._worker.run(switch)

    def _stored(self, versions: Sequence[Document]) -> list[str]:
        """The points of versions that wait to be shown.

        Raises TransientError unless they are all there: they are gone where the engine died
        after it stored them and another one was begun.
        """
        ids = [key for document in versions for key in form.point_ids(document)]
        if self._engine.present(ids) < len(ids):
            raise refuse_partial(versions[0])
        return ids

    async def _keep_small(self, stored: Iterable[Sequence[EncodedChunk]]) -> None:
        """Optimize in pieces: to store much should take little more memory than to store little."""
        self._waiting += sum(encoded.dense.nbytes for chunks in stored for encoded in chunks)
        if self._waiting >= self._piece:
            await self._build()

    def _cut(self) -> None:
        """Decide how large the next piece may get."""
        whole = self._engine.size() * self._dimensions * _BYTES_A_VALUE
        beyond = max(whole - _SMALL_INDEX, 0)
        self._piece = min(_SMALLEST_PIECE + beyond * _OF_INDEX, _LARGEST_PIECE)

    async def _compare(self) -> None:
        """Note what all points share, of being live and their tenant.

        A search that need not be told to keep out what is not there is faster.
        """

        def look() -> Mapping[str, str | int]:
            shared: dict[str, str | int] = {}
            if not self._engine.count([("live", [0])]):
                shared["live"] = 1
            tenants = [*self._engine.facet("tenant", [], 2)]
            if len(tenants) == 1:
                shared["tenant"] = tenants[0]
            return shared

        self._shared = await self._worker.run(look)

    async def _unshare(self) -> None:
        """Before points are stored: searches filter from here on, those that do not are done."""
        if not self._shared:
            return
        shared, self._shared = self._shared, {}
        try:
            await self._worker.run(lambda: None)
        except asyncio.CancelledError:  # nothing is stored, then
            self._shared = shared
            raise

    async def search(self, query: HybridQuery, scope: Scope) -> list[Passage]:
        """A list by vectors and one by words, fused, then read."""
        # Chosen and queued in one turn of the loop, as `_unshare` relies on.
        asked = [(k, v) for k, v in form.conditions(scope) if v != [self._shared.get(k)]]
        searches = voices(query)
        dense = query.dense.astype(np.float32).tobytes() if DENSE in searches else b""
        terms = _terms(query.sparse) if BM25 in searches else None

        def work() -> list[Passage]:
            lists = self._engine.search(asked, query.depth, dense, terms)
            found = [[_Hit(*hit) for hit in hits] for hits in lists]
            best = ranked(query, dict(zip(searches, found, strict=True)))
            # Most of the time goes into payloads: only those that are shown are read.
            ids = [key for key, _ in best]
            stored = self._engine.retrieve(ids, vectors=query.vectors)
            points = {key: (payload, vector) for key, payload, vector, _ in stored}
            said = [(*points[key], scores) for key, scores in best]
            return [form.to_passage(payload, scores, vector) for payload, vector, scores in said]

        return await self._worker.run(work)

    async def delete(self, document_id: str, scope: Scope) -> None:
        """Remove a document. Raises NotFoundError."""
        await self.document(document_id, scope)

        def remove() -> None:
            self._engine.remove(_of(document_id, scope))
            self._changes += 1

        await self._worker.run(remove)

    async def relocate(self, document_id: str, scope: Scope, sources: Sequence[str]) -> None:
        """Set the places where a document's content is found. Raises NotFoundError."""
        await self.document(document_id, scope)

        def note() -> None:
            self._engine.say_where(_of(document_id, scope), form.to_places(sources))
            self._changes += 1

        await self._worker.run(note)

    async def optimize(self) -> None:
        """Merge segments and build the vector index, then write all to disk."""
        await self._build()
        async with self._replacing:
            await self._compare()

    async def _build(self) -> None:
        def work() -> None:
            self._engine.build()
            give_back()  # what was sent since the last time, in many small pieces
            self._cut()

        self._waiting = 0
        await self._worker.run(work)

    async def revision(self, scope: Scope) -> str:
        """Changes with every write of this process, the only one that can write."""
        return f"{self._boot}-{self._changes}"

    async def languages(self, scope: Scope) -> Sequence[str]:
        """Languages of the tenant's documents, counted anew after every write."""
        key = scope.tenant, await self.revision(scope)
        if key not in self._languages:
            mine = [*form.conditions(Scope(tenant=scope.tenant)), FIRST]
            found = await self._worker.run(
                lambda: self._engine.facet("language", mine, form.MOST_LANGUAGES)
            )
            self._languages[key] = [*found]
        return self._languages[key]

    async def info(self) -> IndexInfo:
        """What the index holds and what it was made with."""
        live: Condition = ("live", [1])
        count = self._engine.count
        documents, chunks = await self._worker.run(lambda: (count([live, FIRST]), count([live])))
        return IndexInfo(documents, chunks, self._fingerprint, f"embedded, {self._folder}")

    async def close(self) -> None:
        """Flush and let go of the folder."""
        if self._closed:
            return
        self._closed = True
        await self._worker.run(self._engine.close)
        await self._worker.close()

    async def _scroll(
        self,
        scope: Scope,
        more: Sequence[Condition],
        read: Callable[[Mapping[str, Any]], T],
        fields: Sequence[str] | None = None,
    ) -> list[T]:
        # In one go: between two pages a document could become another version of itself.
        wanted = [*form.conditions(scope), *more]
        return await self._worker.run(lambda: [*map(read, self._payloads(wanted, fields))])

    def _payloads(
        self, wanted: Sequence[Condition], fields: Sequence[str] | None
    ) -> Iterator[Mapping[str, Any]]:
        offset = None
        while True:
            points, offset = self._engine.page(wanted, _SCROLL, fields=fields, offset=offset)
            yield from (payload for _, payload, _, _ in points)
            if offset is None:
                return

    async def _page(
        self,
        conditions: Sequence[Condition],
        *,
        fields: Sequence[str] | None = None,
        vectors: bool = False,
        offset: Any = None,
    ) -> tuple[Sequence[Any], Any]:
        points, further = await self._worker.run(
            lambda: self._engine.page(
                conditions, _PAGE, fields=fields, vectors=vectors, offset=offset
            )
        )
        return [_Listed.of(point) for point in points], further

    async def _facet(self, key: str, conditions: Sequence[Condition]) -> Mapping[str, int]:
        return await self._worker.run(lambda: self._engine.facet(key, conditions, _VALUES))


class _Hit(NamedTuple):
    """What a search found."""

    id: str
    score: float


class _Listed(NamedTuple):
    """A point as `Whole` reads it."""

    payload: Mapping[str, Any]
    vector: Mapping[str, Any]

    @classmethod
    def of(cls, point: StoredPoint) -> _Listed:
        _, payload, dense, terms = point
        vector = {DENSE: np.frombuffer(dense, np.float32), BM25: SparseVector(*terms or ((), ()))}
        return cls(payload, vector)


def _point(document: Document, encoded: EncodedChunk, *, live: bool) -> NewPoint:
    return (
        form.point_id(document, encoded.chunk.ordinal),
        encoded.dense.astype(np.float32).tobytes(),
        _terms(encoded.sparse),
        form.to_payload(document, encoded.chunk, live=live),
    )


def _terms(sparse: SparseVector) -> tuple[list[int], list[float]]:
    return list(sparse.indices), list(sparse.values)


def _of(document_id: str, scope: Scope) -> list[Condition]:
    """A document of a tenant."""
    return [*form.conditions(Scope(tenant=scope.tenant)), ("document_id", [document_id])]
