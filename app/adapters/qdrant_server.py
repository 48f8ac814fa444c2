"""The chunk store on a Qdrant server or cluster, through its official async client."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from app.adapters import payload as form
from app.adapters.register import Register, refuse_mismatch
from app.core.errors import TransientError
from app.core.types import (
    Document,
    EncodedChunk,
    HybridQuery,
    IndexInfo,
    Passage,
    Scalar,
    Scope,
)

if TYPE_CHECKING:
    from qdrant_client import AsyncQdrantClient

_PAGE = 1000
_UPSERT = 256  # points a request, well under the server's 32 MB


class QdrantStore(Register):
    """A ChunkStore behind an AsyncQdrantClient. Make one with `await QdrantStore.open(...)`."""

    def __init__(
        self, client: AsyncQdrantClient, collection: str, fingerprint: Mapping[str, Scalar]
    ) -> None:
        self._client = client
        self._collection = collection
        self._fingerprint = fingerprint

    @classmethod
    async def open(
        cls,
        client: AsyncQdrantClient,
        collection: str,
        *,
        dimensions: int,
        fingerprint: Mapping[str, Scalar],
    ) -> QdrantStore:
        """Open the collection, making it when there is none.

        Raises:
            TransientError: The server cannot be reached.
            ConfigError: The collection was made with another model, chunker or parser.
        """
        store = cls(client, collection, fingerprint)
        try:
            if not await client.collection_exists(collection):
                await store._create(dimensions)
            made = (await client.get_collection(collection)).config.metadata or {}
        except Exception as error:
            raise TransientError(
                "the Qdrant server does not answer", hint="check FOOTNOTE_QDRANT__URL"
            ) from error
        refuse_mismatch(
            made,
            fingerprint,
            what=f"the collection {collection!r}",
            way_out="FOOTNOTE_QDRANT__COLLECTION",
        )
        return store

    async def replace(self, document: Document, chunks: Sequence[EncodedChunk]) -> None:
        """Store a version beside the old one, then switch to it, then delete the old."""
        from qdrant_client import models as m

        points = [_point(document, encoded) for encoded in chunks]
        ids = [point.id for point in points]
        old = m.Filter(
            must=[_match("document_id", [document.document_id])],
            must_not=[m.HasIdCondition(has_id=ids)],
        )
        for first in range(0, len(points), _UPSERT):
            await self._client.upsert(self._collection, points[first : first + _UPSERT])
        # One request, carried out in order: readers see one version or the other.
        await self._client.batch_update_points(
            self._collection,
            [
                m.SetPayloadOperation(set_payload=m.SetPayload(payload={"live": 0}, filter=old)),
                m.SetPayloadOperation(set_payload=m.SetPayload(payload={"live": 1}, points=ids)),
                m.DeleteOperation(delete=m.FilterSelector(filter=old)),
            ],
        )

    async def search(self, query: HybridQuery, scope: Scope) -> list[Passage]:
        """One batch to the engine: the fused list, and each search's own scores."""
        from qdrant_client import models as m

        seen = _filter(scope)
        sparse = m.SparseVector(
            indices=list(query.sparse.indices), values=list(query.sparse.values)
        )
        searches: list[tuple[str, Any]] = [
            (form.DENSE, query.dense.tolist()),
            (form.BM25, sparse),
        ]
        fusion = m.RrfQuery(rrf=m.Rrf(k=query.rrf_k, weights=list(query.weights)))
        requests = [
            m.QueryRequest(
                query=fusion,
                prefetch=[
                    m.Prefetch(query=vector, using=using, limit=query.depth, filter=seen)
                    for using, vector in searches
                ],
                limit=query.limit,
                with_payload=True,
            ),
            *(
                m.QueryRequest(query=vector, using=using, limit=query.depth, filter=seen)
                for using, vector in searches
            ),
        ]
        try:
            answers = await self._client.query_batch_points(self._collection, requests)
        except Exception as error:
            raise TransientError(
                "the Qdrant server does not answer", hint="check FOOTNOTE_QDRANT__URL"
            ) from error
        return form.to_passages(*(answer.points for answer in answers))

    async def delete(self, document_id: str, scope: Scope) -> None:
        """Remove a document. Raises NotFoundError."""
        from qdrant_client import models as m

        await self.document(document_id, scope)
        mine = _filter(Scope(tenant=scope.tenant), [("document_id", [document_id])])
        await self._client.delete(self._collection, m.FilterSelector(filter=mine))

    async def optimize(self) -> None:
        """Nothing: a server optimizes by itself."""

    async def revision(self, scope: Scope) -> str:
        """Number of live chunks and the newest time of ingestion in the tenant."""
        from qdrant_client import models as m

        mine = _filter(Scope(tenant=scope.tenant))
        count = (await self._client.count(self._collection, mine, exact=True)).count
        newest, _ = await self._client.scroll(
            self._collection,
            mine,
            limit=1,
            order_by=m.OrderBy(key="ingested_at", direction=m.Direction.DESC),
            with_payload=["ingested_at"],
        )
        return f"{count}-{newest[0].payload['ingested_at'] if newest and newest[0].payload else ''}"

    async def info(self) -> IndexInfo:
        """What the index holds and what it was made with."""
        from qdrant_client import models as m

        live, first = _match("live", [1]), _match("ordinal", [0])
        chunks = await self._client.count(self._collection, m.Filter(must=[live]), exact=True)
        documents = await self._client.count(
            self._collection, m.Filter(must=[live, first]), exact=True
        )
        return IndexInfo(
            documents.count, chunks.count, self._fingerprint, f"Qdrant server, {self._collection}"
        )

    async def close(self) -> None:
        """Close the client's connections."""
        await self._client.close()

    async def _create(self, dimensions: int) -> None:
        from qdrant_client import models as m

        await self._client.create_collection(
            self._collection,
            vectors_config={
                form.DENSE: m.VectorParams(size=dimensions, distance=m.Distance.COSINE)
            },
            sparse_vectors_config={form.BM25: m.SparseVectorParams(modifier=m.Modifier.IDF)},
            metadata=dict(self._fingerprint),
        )
        kinds: dict[str, Any] = dict.fromkeys(form.KEYWORDS, m.PayloadSchemaType.KEYWORD)
        kinds["tenant"] = m.KeywordIndexParams(type=m.KeywordIndexType.KEYWORD, is_tenant=True)
        kinds["live"] = m.PayloadSchemaType.INTEGER
        kinds["ordinal"] = m.PayloadSchemaType.INTEGER
        kinds["ingested_at"] = m.PayloadSchemaType.DATETIME
        for name, kind in kinds.items():
            await self._client.create_payload_index(self._collection, name, field_schema=kind)

    async def _scroll(
        self, scope: Scope, more: Sequence[form.Condition]
    ) -> list[Mapping[str, Any]]:
        found: list[Mapping[str, Any]] = []
        offset = None
        while True:
            records, offset = await self._client.scroll(
                self._collection, _filter(scope, more), limit=_PAGE, offset=offset
            )
            found += [record.payload for record in records if record.payload]
            if offset is None:
                return found


def _point(document: Document, encoded: EncodedChunk) -> Any:
    from qdrant_client import models as m

    sparse = m.SparseVector(
        indices=list(encoded.sparse.indices), values=list(encoded.sparse.values)
    )
    return m.PointStruct(
        id=form.point_id(document, encoded.chunk.ordinal),
        vector={form.DENSE: encoded.dense.tolist(), form.BM25: sparse},
        payload=form.to_payload(document, encoded.chunk, live=False),
    )


def _match(key: str, values: list[str | int]) -> Any:
    from qdrant_client import models as m

    match: Any = (
        m.MatchValue(value=values[0]) if len(values) == 1 else m.MatchAny(any=values)  # type: ignore[arg-type]
    )
    return m.FieldCondition(key=key, match=match)


def _filter(scope: Scope, more: Sequence[form.Condition] = ()) -> Any:
    from qdrant_client import models as m

    return m.Filter(must=[_match(key, values) for key, values in (*form.conditions(scope), *more)])
