"""The embedded chunk store: Qdrant's own engine in this process.

Two threads: slow writes (upserts of a version that nobody sees yet, optimization) run
beside reads; a read and the moment in which a version becomes visible run one after the
other, so that no reader meets two versions of a document.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from app.adapters import payload as form
from app.adapters.register import Register, refuse_mismatch
from app.adapters.worker import Worker
from app.core.errors import LockedError, PermanentError
from app.core.types import (
    Document,
    EncodedChunk,
    HybridQuery,
    IndexInfo,
    Passage,
    Scalar,
    Scope,
)

_PAGE = 1000


class EdgeStore(Register):
    """A ChunkStore in a folder. Make one with `await EdgeStore.open(...)`."""

    def __init__(self, folder: Path, shard: Any, fingerprint: Mapping[str, Scalar]) -> None:
        self._folder = folder
        self._shard = shard
        self._fingerprint = fingerprint
        self._reads = Worker("edge-read")
        self._writes = Worker("edge-write")
        # Only this process writes, so a count since its start tells versions apart.
        self._boot, self._changes = uuid.uuid4().hex, 0

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
            shard = await opener.run(lambda: _open(folder, dimensions, fingerprint))
        finally:
            await opener.close()
        return cls(folder, shard, fingerprint)

    async def replace(self, document: Document, chunks: Sequence[EncodedChunk]) -> None:
        """Store a version beside the old one, then switch to it in one step."""
        import qdrant_edge as q

        points = [_point(q, document, encoded) for encoded in chunks]
        ids = [point.id for point in points]
        old = q.Filter(
            must=[_match(q, "document_id", [document.document_id])],
            must_not=[q.HasIdCondition(set(ids))],
        )

        def switch() -> None:
            self._shard.update(q.UpdateOperation.set_payload(ids, {"live": 1}))
            self._shard.update(q.UpdateOperation.delete_points_by_filter(old))
            self._changes += 1

        await self._writes.run(lambda: self._shard.update(q.UpdateOperation.upsert_points(points)))
        await self._reads.run(switch)

    async def search(self, query: HybridQuery, scope: Scope) -> list[Passage]:
        """One batch to the engine: the fused list, and each search's own scores."""
        import qdrant_edge as q

        seen = _filter(q, scope)
        searches = [
            q.Query.Nearest(query.dense.tolist(), using=form.DENSE),
            q.Query.Nearest(
                q.SparseVector(list(query.sparse.indices), list(query.sparse.values)),
                using=form.BM25,
            ),
        ]
        requests = [
            q.QueryRequest(
                limit=query.limit,
                query=q.Fusion.Rrf(k=query.rrf_k, weights=list(query.weights)),
                prefetches=[
                    q.Prefetch(limit=query.depth, query=one, filter=seen) for one in searches
                ],
                with_payload=True,
            ),
            *(q.QueryRequest(limit=query.depth, query=one, filter=seen) for one in searches),
        ]
        batch = q.QueryBatchRequest(requests)
        fused, dense, bm25 = await self._reads.run(lambda: self._shard.query_batch(batch))
        return form.to_passages(fused, dense, bm25)

    async def delete(self, document_id: str, scope: Scope) -> None:
        """Remove a document. Raises NotFoundError."""
        import qdrant_edge as q

        await self.document(document_id, scope)
        mine = _filter(q, Scope(tenant=scope.tenant), [("document_id", [document_id])])

        def remove() -> None:
            self._shard.update(q.UpdateOperation.delete_points_by_filter(mine))
            self._changes += 1

        await self._reads.run(remove)

    async def optimize(self) -> None:
        """Merge segments and build the vector index, then write all to disk."""

        def work() -> None:
            self._shard.optimize()
            self._shard.flush()

        await self._writes.run(work)

    async def revision(self, scope: Scope) -> str:
        """Changes with every write of this process, the only one that can write."""
        return f"{self._boot}-{self._changes}"

    async def info(self) -> IndexInfo:
        """What the index holds and what it was made with."""
        import qdrant_edge as q

        live = _match(q, "live", [1])
        first = _match(q, "ordinal", [0])

        def count(*must: Any) -> int:
            return int(self._shard.count(q.CountRequest(filter=q.Filter(must=list(must)))))

        documents, chunks = await self._reads.run(lambda: (count(live, first), count(live)))
        return IndexInfo(documents, chunks, self._fingerprint, f"embedded, {self._folder}")

    async def close(self) -> None:
        """Flush and let go of the folder."""
        await self._writes.close()
        await self._reads.run(self._shard.close)
        await self._reads.close()

    async def _scroll(
        self, scope: Scope, more: Sequence[form.Condition]
    ) -> list[Mapping[str, Any]]:
        import qdrant_edge as q

        wanted = _filter(q, scope, more)

        def work() -> list[Mapping[str, Any]]:
            found: list[Mapping[str, Any]] = []
            offset = None
            while True:
                records, offset = self._shard.scroll(
                    q.ScrollRequest(offset=offset, limit=_PAGE, filter=wanted, with_payload=True)
                )
                found += [record.payload for record in records]
                if offset is None:
                    return found

        return await self._reads.run(work)


def _open(folder: Path, dimensions: int, fingerprint: Mapping[str, Scalar]) -> Any:
    import qdrant_edge as q

    record = folder / "fingerprint.json"
    shard_folder = folder / "shard"
    exists = record.exists()
    if exists:
        refuse_mismatch(
            json.loads(record.read_text()),
            fingerprint,
            what=f"the index in {folder}",
            way_out="FOOTNOTE_DATA_DIR",
        )
    shard_folder.mkdir(parents=True, exist_ok=True)
    config = q.EdgeConfig(
        vectors={form.DENSE: q.EdgeVectorParams(size=dimensions, distance=q.Distance.Cosine)},
        sparse_vectors={form.BM25: q.EdgeSparseVectorParams(modifier=q.Modifier.Idf)},
    )
    try:
        if exists:
            return q.EdgeShard.load(str(shard_folder))
        shard = q.EdgeShard.create(str(shard_folder), config)
    except Exception as error:
        if "WouldBlock" in str(error):
            raise LockedError(
                f"another process holds the index in {folder}",
                hint="stop it, ask the running server over HTTP, or set FOOTNOTE_QDRANT__URL",
            ) from error
        raise PermanentError(
            f"the index in {folder} cannot be opened",
            hint="move the folder away and ingest again",
        ) from error
    for name in form.KEYWORDS:
        kind = q.KeywordIndexParams(is_tenant=True) if name == "tenant" else None
        shard.update(
            q.UpdateOperation.create_field_index(name, kind or q.PayloadSchemaType.Keyword)
        )
    shard.update(q.UpdateOperation.create_field_index("live", q.PayloadSchemaType.Integer))
    shard.update(q.UpdateOperation.create_field_index("ordinal", q.PayloadSchemaType.Integer))
    record.write_text(json.dumps(dict(fingerprint), indent=2))
    return shard


def _point(q: Any, document: Document, encoded: EncodedChunk) -> Any:
    sparse = q.SparseVector(list(encoded.sparse.indices), list(encoded.sparse.values))
    return q.Point(
        id=form.point_id(document, encoded.chunk.ordinal),
        vector={form.DENSE: encoded.dense.tolist(), form.BM25: sparse},
        payload=form.to_payload(document, encoded.chunk, live=False),
    )


def _match(q: Any, key: str, values: list[str | int]) -> Any:
    match = q.MatchValue(values[0]) if len(values) == 1 else q.MatchAny(values)
    return q.FieldCondition(key=key, match=match)


def _filter(q: Any, scope: Scope, more: Sequence[form.Condition] = ()) -> Any:
    return q.Filter(must=[_match(q, key, values) for key, values in (*form.conditions(scope), *more)])
