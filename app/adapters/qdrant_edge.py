"""The embedded chunk store: Qdrant's own engine in this process.

Two threads: slow writes (upserts of a version that nobody sees yet, optimization) run
beside reads; a read and the moment in which a version becomes visible run one after the
other, so that no reader meets two versions of a document.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from cachetools import LRUCache

from app.adapters import payload as form
from app.adapters.edge_generations import open_current
from app.adapters.edge_shard import give_back, match, scroll
from app.adapters.fusion import ranked, voices
from app.adapters.register import Register, refuse_empty, refuse_partial
from app.adapters.whole import Whole
from app.adapters.worker import Worker
from app.core.types import Document, EncodedChunk, HybridQuery, IndexInfo, Passage, Scalar, Scope

T = TypeVar("T")
_TENANTS = 1000  # whose languages are remembered
# Of the walk through the graph. The int8 vectors alone decide, so that searching never reads
# the originals: at a million chunks that finds 0.95 of the true ten nearest.
_CANDIDATES = 160
# Bytes of vectors that wait, searched one by one, for a graph: a tenth of those that have one,
# within these bounds. Less would take less memory (4 KB for a chunk that waits), but the parts
# that come of it would be merged more often.
_SMALLEST_PIECE, _LARGEST_PIECE, _OF_INDEX = 5 << 20, 192 << 20, 0.1
_BYTES_A_VALUE = 4
_PAGE = 512
_VALUES = 1_000_000


class EdgeStore(Register, Whole):
    """A ChunkStore in a folder. Make one with `await EdgeStore.open(...)`."""

    def __init__(
        self, folder: Path, shard: Any, dimensions: int, fingerprint: Mapping[str, Scalar]
    ) -> None:
        self._folder = folder
        self._shard = shard
        self._dimensions = dimensions
        self._fingerprint = fingerprint
        self._reads = Worker("edge-read")
        self._writes = Worker("edge-write")
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
        opener = Worker("edge-open")
        try:
            shard = await opener.run(lambda: open_current(folder, dimensions, fingerprint))
        finally:
            await opener.close()
        store = cls(folder, shard, dimensions, fingerprint)
        try:
            await store._reads.run(store._cut)
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
        import qdrant_edge as q

        for document, chunks in versions:
            refuse_empty(document, chunks)

        def store() -> None:
            points = [_point(q, d, each, live=False) for d, chunks in versions for each in chunks]
            self._shard.update(q.UpdateOperation.upsert_points(points))

        def show() -> None:
            ids: list[Any] = [key for document, _ in versions for key in form.point_ids(document)]
            self._shard.update(q.UpdateOperation.set_payload(ids, {"live": 1}))
            self._changes += 1

        async with self._replacing:
            await self._unshare()
            await self._writes.run(store)
            await self._reads.run(show)
            await self._keep_small(chunks for _, chunks in versions)

    async def stage(self, document: Document, chunks: Sequence[EncodedChunk]) -> None:
        """Store a version beside the old one. Raises PermanentError without chunks."""
        async with self._replacing:
            await self._stage(document, chunks)

    async def show(self, document: Document) -> None:
        """Switch to a staged version in one step. Raises TransientError when it is not there."""
        import qdrant_edge as q

        ids: list[Any] = form.point_ids(document)
        staged = q.CountRequest(filter=q.Filter(must=[q.HasIdCondition(set(ids))]))
        async with self._replacing:
            if await self._reads.run(lambda: self._shard.count(staged)) < len(ids):
                raise refuse_partial(document)
            await self._show(document)

    async def _stage(self, document: Document, chunks: Sequence[EncodedChunk]) -> None:
        import qdrant_edge as q

        refuse_empty(document, chunks)

        def store(live: bool) -> None:
            points = [_point(q, document, encoded, live=live) for encoded in chunks]
            self._shard.update(q.UpdateOperation.upsert_points(points))

        # What is live already stays so: new tags must not hide it meanwhile.
        live = await self._stands(document)
        await self._unshare()
        await self._writes.run(lambda: store(live))
        await self._keep_small([chunks])

    async def _show(self, document: Document) -> None:
        import qdrant_edge as q

        ids: list[Any] = form.point_ids(document)
        old = q.Filter(
            must=[match("document_id", [document.document_id])],
            must_not=[q.HasIdCondition(set(ids))],
        )

        def switch() -> None:
            update, do = self._shard.update, q.UpdateOperation
            # What is left when this is killed half-way, `mend` in edge_shard.py sorts out.
            update(do.set_payload_by_filter(old, {"live": 0}))
            update(do.set_payload(ids, form.to_shown(document)))
            update(do.delete_points_by_filter(old))
            self._changes += 1

        await self._reads.run(switch)

    async def _keep_small(self, stored: Iterable[Sequence[EncodedChunk]]) -> None:
        """Optimize in pieces: to store much should take little more memory than to store little."""
        self._waiting += sum(encoded.dense.nbytes for chunks in stored for encoded in chunks)
        if self._waiting >= self._piece:
            await self._build()

    def _cut(self) -> None:
        """Decide how large the next piece may get."""
        whole = self._shard.info().points_count * self._dimensions * _BYTES_A_VALUE
        self._piece = min(max(whole * _OF_INDEX, _SMALLEST_PIECE), _LARGEST_PIECE)

    async def _compare(self) -> None:
        """Note what all points share, of being live and their tenant.

        A search that need not be told to keep out what is not there is faster.
        """
        import qdrant_edge as q

        hidden = q.CountRequest(filter=q.Filter(must=[match("live", [0])]))
        tenants = q.FacetRequest("tenant", limit=2, exact=True)

        def look() -> Mapping[str, str | int]:
            shared: dict[str, str | int] = {}
            if not self._shard.count(hidden):
                shared["live"] = 1
            values = [hit.value for hit in self._shard.facet(tenants).hits]
            if len(values) == 1:
                shared["tenant"] = values[0]
            return shared

        self._shared = await self._reads.run(look)

    async def _unshare(self) -> None:
        """Before points are stored: searches filter from here on, those that do not are done."""
        if not self._shared:
            return
        shared, self._shared = self._shared, {}
        try:
            await self._reads.run(lambda: None)
        except asyncio.CancelledError:  # nothing is stored, then
            self._shared = shared
            raise

    async def search(self, query: HybridQuery, scope: Scope) -> list[Passage]:
        """One batch to the engine: a list by vectors and one by words, fused, then read."""
        import qdrant_edge as q

        # Chosen and queued in one turn of the loop, as `_unshare` relies on.
        asked = [(k, v) for k, v in form.conditions(scope) if v != [self._shared.get(k)]]
        seen, searches = _all(q, asked), voices(query)
        vectors: dict[str, Any] = {
            form.DENSE: query.dense.tolist(),
            form.BM25: q.SparseVector(list(query.sparse.indices), list(query.sparse.values)),
        }
        batch = q.QueryBatchRequest(
            [
                q.QueryRequest(
                    limit=query.depth,
                    query=q.Query.Nearest(vectors[name], using=name),
                    filter=seen,
                    params=q.SearchParams(hnsw_ef=_CANDIDATES),
                )
                for name in searches
            ]
        )

        def work() -> list[Passage]:
            found = self._shard.query_batch(batch)
            best = ranked(query, dict(zip(searches, found, strict=True)))
            # Most of the time goes into payloads: only those that are shown are read.
            wanted = [form.DENSE] if query.vectors else False
            records = self._shard.retrieve([key for key, _ in best], True, wanted)
            points = {str(record.id): record for record in records}
            return [
                form.to_passage(points[key].payload, scores, points[key].vector)
                for key, scores in best
            ]

        return await self._reads.run(work)

    async def delete(self, document_id: str, scope: Scope) -> None:
        """Remove a document. Raises NotFoundError."""
        import qdrant_edge as q

        await self.document(document_id, scope)
        mine = _filter(q, Scope(tenant=scope.tenant), [("document_id", [document_id])])

        def remove() -> None:
            self._shard.update(q.UpdateOperation.delete_points_by_filter(mine))
            self._changes += 1

        await self._reads.run(remove)

    async def relocate(self, document_id: str, scope: Scope, sources: Sequence[str]) -> None:
        """Set the places where a document's content is found. Raises NotFoundError."""
        import qdrant_edge as q

        await self.document(document_id, scope)
        mine = _filter(q, Scope(tenant=scope.tenant), [("document_id", [document_id])])

        def note() -> None:
            do = q.UpdateOperation.set_payload_by_filter
            self._shard.update(do(mine, form.to_places(sources)))
            self._changes += 1

        await self._reads.run(note)

    async def optimize(self) -> None:
        """Merge segments and build the vector index, then write all to disk."""
        await self._build()
        async with self._replacing:
            await self._compare()

    async def _build(self) -> None:
        def work() -> None:
            self._shard.optimize()
            self._shard.flush()
            give_back()
            self._cut()

        self._waiting = 0
        await self._writes.run(work)

    async def revision(self, scope: Scope) -> str:
        """Changes with every write of this process, the only one that can write."""
        return f"{self._boot}-{self._changes}"

    async def languages(self, scope: Scope) -> Sequence[str]:
        """Languages of the tenant's documents, counted anew after every write."""
        import qdrant_edge as q

        key = scope.tenant, await self.revision(scope)
        if key not in self._languages:
            mine = _filter(q, Scope(tenant=scope.tenant), [("ordinal", [0])])
            wanted = q.FacetRequest("language", limit=form.MOST_LANGUAGES, exact=True, filter=mine)
            found = await self._reads.run(lambda: self._shard.facet(wanted))
            self._languages[key] = [hit.value for hit in found.hits]
        return self._languages[key]

    async def info(self) -> IndexInfo:
        """What the index holds and what it was made with."""
        import qdrant_edge as q

        live, first = match("live", [1]), match("ordinal", [0])

        def count(*must: Any) -> int:
            return int(self._shard.count(q.CountRequest(filter=q.Filter(must=list(must)))))

        documents, chunks = await self._reads.run(lambda: (count(live, first), count(live)))
        return IndexInfo(documents, chunks, self._fingerprint, f"embedded, {self._folder}")

    async def close(self) -> None:
        """Flush and let go of the folder."""
        if self._closed:
            return
        self._closed = True
        await self._writes.close()
        await self._reads.run(self._shard.close)
        await self._reads.close()

    async def _scroll(
        self,
        scope: Scope,
        more: Sequence[form.Condition],
        read: Callable[[Mapping[str, Any]], T],
        fields: Sequence[str] | None = None,
    ) -> list[T]:
        import qdrant_edge as q

        wanted = _filter(q, scope, more)
        return await self._reads.run(lambda: [*map(read, scroll(self._shard, wanted, fields))])

    async def _page(
        self,
        conditions: Sequence[form.Condition],
        *,
        fields: Sequence[str] | None = None,
        vectors: bool = False,
        offset: Any = None,
    ) -> tuple[Sequence[Any], Any]:
        import qdrant_edge as q

        wanted = q.ScrollRequest(
            offset=offset,
            limit=_PAGE,
            filter=_all(q, conditions),
            with_payload=True if fields is None else list(fields),
            with_vector=vectors,
        )
        points, further = await self._reads.run(lambda: self._shard.scroll(wanted))
        return points, further

    async def _facet(self, key: str, conditions: Sequence[form.Condition]) -> Mapping[str, int]:
        import qdrant_edge as q

        wanted = q.FacetRequest(key, limit=_VALUES, exact=True, filter=_all(q, conditions))
        found = await self._reads.run(lambda: self._shard.facet(wanted))
        return {hit.value: hit.count for hit in found.hits}


def _point(q: Any, document: Document, encoded: EncodedChunk, *, live: bool) -> Any:
    sparse = q.SparseVector(list(encoded.sparse.indices), list(encoded.sparse.values))
    return q.Point(
        id=form.point_id(document, encoded.chunk.ordinal),
        vector={form.DENSE: encoded.dense.tolist(), form.BM25: sparse},
        payload=form.to_payload(document, encoded.chunk, live=live),
    )


def _filter(q: Any, scope: Scope, more: Sequence[form.Condition] = ()) -> Any:
    return _all(q, (*form.conditions(scope), *more))


def _all(q: Any, conditions: Sequence[form.Condition]) -> Any:
    return q.Filter(must=[match(key, values) for key, values in conditions])
