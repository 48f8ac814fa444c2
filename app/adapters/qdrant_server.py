"""The chunk store on a Qdrant server or cluster, through its official async client."""

from __future__ import annotations

import asyncio
import functools
import random
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from cachetools import TTLCache

from app.adapters import payload as form
from app.adapters.fields import BM25, DENSE, INTEGERS, KEYWORDS, TIMES, Between, Condition
from app.adapters.fusion import fuse, voices
from app.adapters.mismatch import refuse_mismatch
from app.adapters.register import Register, refuse_empty, refuse_partial
from app.adapters.server_generations import resolve
from app.adapters.whole import Whole
from app.core.errors import ConfigError, FootnoteError, PermanentError, TransientError
from app.core.types import Document, EncodedChunk, HybridQuery, IndexInfo, Passage, Scalar, Scope

if TYPE_CHECKING:
    from qdrant_client import AsyncQdrantClient

_PAGE = 1000
_VALUES = 100_000  # of a field, counted
_UPSERT = 256  # points a request, well under the server's 32 MB
_PAUSES = (0.05, 0.1, 0.2, 0.4, 0.8)  # seconds at most, before the next try
_TENANTS, _LANGUAGES_S = 1000, 30.0  # whose languages are remembered, and how long

P = ParamSpec("P")
T = TypeVar("T")


def reaching(call: Callable[P, Awaitable[T]]) -> Callable[P, Coroutine[Any, Any, T]]:
    """Turns what the client raises into an error that says what to do."""

    @functools.wraps(call)
    async def wrapped(*args: P.args, **kwargs: P.kwargs) -> T:
        from qdrant_client.http.exceptions import ApiException

        try:
            return await call(*args, **kwargs)
        except (ApiException, OSError) as error:
            raise _named(getattr(error, "status_code", None)) from error

    return wrapped


def _named(status: int | None) -> FootnoteError:
    if status in (401, 403):
        return ConfigError(
            "the Qdrant server refuses the key", hint="check FOOTNOTE_QDRANT__API_KEY"
        )
    if status == 404:
        return PermanentError(
            "the Qdrant server has lost the collection", hint="restart, then ingest again"
        )
    if status is not None and 400 <= status < 500 and status not in (408, 409, 429):
        return PermanentError(
            f"the Qdrant server refuses the request ({status})",
            hint="its log says why; check that its version is 1.16 or newer",
        )
    return TransientError(
        "the Qdrant server does not answer", hint="check FOOTNOTE_QDRANT__URL and its log"
    )


def connect(url: str, api_key: str | None, *, timeout_s: float) -> AsyncQdrantClient:
    """A client of a server. Raises ConfigError without the extra or when the URL is bad."""
    try:
        from qdrant_client import AsyncQdrantClient
    except ImportError as error:
        raise ConfigError(
            "a Qdrant server needs the extra `server`", hint="pip install 'footnote-rag[server]'"
        ) from error
    try:
        return AsyncQdrantClient(url=url, api_key=api_key, timeout=max(1, round(timeout_s)))
    except ValueError:
        raise ConfigError(  # noqa: B904 - the cause repeats the URL, which may hold a password
            "bad value for qdrant.url: not an address", hint="check FOOTNOTE_QDRANT__URL"
        )


class QdrantStore(Register, Whole):
    """A ChunkStore behind an AsyncQdrantClient. Make one with `await QdrantStore.open(...)`."""

    def __init__(
        self, client: AsyncQdrantClient, collection: str, fingerprint: Mapping[str, Scalar]
    ) -> None:
        self._client = client
        self._collection = self._index = collection
        self._fingerprint = fingerprint
        self._languages: TTLCache[str, Sequence[str]] = TTLCache(_TENANTS, _LANGUAGES_S)

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
            ConfigError: The key is wrong, or the collection was made with another model,
                chunker or parser.
        """
        store = cls(client, await reaching(resolve)(client, collection), fingerprint)
        store._index = collection
        made = await store._made(dimensions)
        refuse_mismatch(
            made,
            fingerprint,
            what=f"the collection {collection!r}",
            way_out="FOOTNOTE_QDRANT__COLLECTION",
        )
        return store

    @reaching
    async def replace(self, document: Document, chunks: Sequence[EncodedChunk]) -> None:
        """Store a version beside the old one, show it, then delete the old.

        Raises:
            PermanentError: There are no chunks.
            TransientError: Others keep replacing the same document at the same time.
        """
        await self._follow()
        for pause in _PAUSES:
            await self._stage(document, chunks)
            await self._switch(document)
            # Another writer of this document may have taken our points for its old ones.
            if await self._count(document) == len(chunks):
                return
            await asyncio.sleep(pause * random.random())  # noqa: S311 - not a secret
        raise TransientError(f"{document.source} is being replaced by others at the same time")

    @reaching
    async def stage(self, document: Document, chunks: Sequence[EncodedChunk]) -> None:
        """Store a version beside the old one. Raises PermanentError without chunks."""
        await self._stage(document, chunks)

    @reaching
    async def show(self, document: Document) -> None:
        """Show a staged version, then delete the old.

        Raises TransientError when it is not there, or others replace it at the same time.
        """
        if await self._count(document) == document.chunks:
            await self._switch(document)
            if await self._count(document) == document.chunks:
                return
        raise refuse_partial(document)

    @reaching
    async def search(self, query: HybridQuery, scope: Scope) -> list[Passage]:
        """One batch to the engine: a list by vectors and one by words, then fused."""
        from qdrant_client import models as m

        seen, searches = _filter(scope), voices(query)
        vectors: dict[str, Any] = {
            DENSE: query.dense.tolist(),
            BM25: m.SparseVector(
                indices=list(query.sparse.indices), values=list(query.sparse.values)
            ),
        }
        if not searches:
            return []
        answers = await self._client.query_batch_points(
            self._collection,
            [
                m.QueryRequest(
                    query=vectors[name],
                    using=name,
                    limit=query.depth,
                    filter=seen,
                    with_payload=True,
                    with_vector=[DENSE] if query.vectors else False,
                )
                for name in searches
            ],
        )
        found = (answer.points for answer in answers)
        # Not on the event loop: the first time, its weights are read from a file.
        return await asyncio.to_thread(fuse, query, dict(zip(searches, found, strict=True)))

    @reaching
    async def delete(self, document_id: str, scope: Scope) -> None:
        """Remove a document. Raises NotFoundError."""
        from qdrant_client import models as m

        await self._follow()
        await self.document(document_id, scope)
        mine = _filter(Scope(tenant=scope.tenant), [("document_id", [document_id])])
        await self._client.delete(self._collection, m.FilterSelector(filter=mine))

    @reaching
    async def relocate(self, document_id: str, scope: Scope, sources: Sequence[str]) -> None:
        """Set the places where a document's content is found. Raises NotFoundError."""
        await self._follow()
        await self.document(document_id, scope)
        mine = _filter(Scope(tenant=scope.tenant), [("document_id", [document_id])])
        await self._client.set_payload(self._collection, form.to_places(sources), mine)

    async def optimize(self) -> None:
        """Nothing: a server optimizes by itself."""

    @reaching
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

    @reaching
    async def languages(self, scope: Scope) -> Sequence[str]:
        """Languages of the tenant's documents as they were at most half a minute ago."""
        known = self._languages.get(scope.tenant)
        if known is None:
            found = await self._client.facet(
                self._collection,
                "language",
                facet_filter=_filter(Scope(tenant=scope.tenant), [("ordinal", [0])]),
                limit=form.MOST_LANGUAGES,
            )
            known = self._languages[scope.tenant] = [str(hit.value) for hit in found.hits]
        return known

    @reaching
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

    async def _follow(self) -> None:
        """Before a write: go over to the generation that is in use now.

        Raises TransientError when that one was made otherwise: what is written to the old one
        would be lost, and to the new one would not fit.
        """
        place = await resolve(self._client, self._index)
        if place == self._collection:
            return
        made = (await self._client.get_collection(place)).config.metadata or {}
        if dict(made) != dict(self._fingerprint):
            raise TransientError(
                "the index was rebuilt with other settings and takes no changes here",
                hint="restart the service with these settings",
            )
        self._collection = place

    @reaching
    async def _made(self, dimensions: int) -> Mapping[str, Scalar]:
        """The fingerprint that the collection was made with; makes the collection if need be."""
        if not await self._client.collection_exists(self._collection):
            await self._create(dimensions)
        return (await self._client.get_collection(self._collection)).config.metadata or {}

    async def _stage(self, document: Document, chunks: Sequence[EncodedChunk]) -> None:
        refuse_empty(document, chunks)
        # What is live already stays so: new tags must not hide it meanwhile.
        live = await self._stands(document)
        for first in range(0, len(chunks), _UPSERT):
            some = chunks[first : first + _UPSERT]
            points = [_point(document, encoded, live=live) for encoded in some]
            await self._client.upsert(self._collection, points)

    async def _switch(self, document: Document) -> None:
        from qdrant_client import models as m

        ids: list[Any] = form.point_ids(document)
        old = m.Filter(
            must=[_match("document_id", [document.document_id])],
            must_not=[m.HasIdCondition(has_id=ids)],
        )
        # In this order: for a moment both are live, which `newest` hides from readers; the
        # other way round there would be neither.
        show = m.SetPayload(payload=form.to_shown(document), filter=_version(document))
        await self._client.batch_update_points(
            self._collection,
            [
                m.SetPayloadOperation(set_payload=show),
                m.DeleteOperation(delete=m.FilterSelector(filter=old)),
            ],
        )

    async def _count(self, document: Document) -> int:
        found = await self._client.count(self._collection, _version(document), exact=True)
        return found.count

    async def _create(self, dimensions: int) -> None:
        from qdrant_client import models as m

        await self._client.create_collection(
            self._collection,
            vectors_config={DENSE: m.VectorParams(size=dimensions, distance=m.Distance.COSINE)},
            sparse_vectors_config={BM25: m.SparseVectorParams(modifier=m.Modifier.IDF)},
            metadata=dict(self._fingerprint),
        )
        kinds: dict[str, Any] = dict.fromkeys(KEYWORDS, m.PayloadSchemaType.KEYWORD)
        kinds["tenant"] = m.KeywordIndexParams(type=m.KeywordIndexType.KEYWORD, is_tenant=True)
        kinds |= dict.fromkeys(INTEGERS + TIMES, m.PayloadSchemaType.INTEGER)
        kinds["ingested_at"] = m.PayloadSchemaType.DATETIME
        for name, kind in kinds.items():
            await self._client.create_payload_index(self._collection, name, field_schema=kind)

    @reaching
    async def _page(
        self,
        conditions: Sequence[Condition],
        *,
        fields: Sequence[str] | None = None,
        vectors: bool = False,
        offset: Any = None,
    ) -> tuple[Sequence[Any], Any]:
        return await self._client.scroll(
            self._collection,
            _all(conditions),
            limit=_UPSERT if vectors else _PAGE,
            offset=offset,
            with_payload=True if fields is None else list(fields),
            with_vectors=vectors,
        )

    @reaching
    async def _facet(self, key: str, conditions: Sequence[Condition]) -> Mapping[str, int]:
        found = await self._client.facet(
            self._collection, key, facet_filter=_all(conditions), limit=_VALUES, exact=True
        )
        return {str(hit.value): hit.count for hit in found.hits}


def _point(document: Document, encoded: EncodedChunk, *, live: bool) -> Any:
    from qdrant_client import models as m

    sparse = m.SparseVector(
        indices=list(encoded.sparse.indices), values=list(encoded.sparse.values)
    )
    return m.PointStruct(
        id=form.point_id(document, encoded.chunk.ordinal),
        vector={DENSE: encoded.dense.tolist(), BM25: sparse},
        payload=form.to_payload(document, encoded.chunk, live=live),
    )


def _match(key: str, values: list[str | int] | Between) -> Any:
    from qdrant_client import models as m

    if isinstance(values, Between):
        return m.FieldCondition(key=key, range=m.Range(gte=values.start, lt=values.end))
    match: Any = m.MatchValue(value=values[0]) if len(values) == 1 else m.MatchAny(any=values)
    return m.FieldCondition(key=key, match=match)


def _version(document: Document) -> Any:
    from qdrant_client import models as m

    wanted = [("document_id", document.document_id), ("content_hash", document.content_hash)]
    return m.Filter(must=[_match(key, [value]) for key, value in wanted])


def _filter(scope: Scope, more: Sequence[Condition] = ()) -> Any:
    return _all((*form.conditions(scope), *more))


def _all(conditions: Sequence[Condition]) -> Any:
    from qdrant_client import models as m

    return m.Filter(must=[_match(key, values) for key, values in conditions])
