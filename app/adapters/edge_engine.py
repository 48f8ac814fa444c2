"""What the embedded engine is asked to do, in plain data that can go to another process.

Vectors are float32 as bytes, terms are two lists. `where` is what must hold of points: a list of
`fields.Condition`, in which bounds may be a dict, which they become on their way.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from app.adapters.edge_generations import open_current
from app.adapters.edge_shard import match
from app.adapters.fields import BM25, DENSE, Between, Condition
from app.adapters.heap import give_back

# Of the walk through the graph. The int8 vectors alone decide, so that searching never reads
# the originals: at a million chunks that finds 0.95 of the true ten nearest.
_CANDIDATES = 160

Payload = dict[str, Any]
Terms = tuple[list[int], list[float]]
NewPoint = tuple[str, bytes, Terms, Payload]
"""Id, dense vector, terms, payload."""
StoredPoint = tuple[str, Payload, bytes, Terms | None]
"""Id, payload, dense vector (empty when it was not asked for), terms (likewise None)."""


class Engine:
    """The engine's shard in a folder."""

    def __init__(self, shard: Any) -> None:
        self._shard = shard

    @classmethod
    def open(cls, folder: str, dimensions: int, fingerprint: Mapping[str, Any]) -> Engine:
        """See EdgeStore.open."""
        return cls(open_current(Path(folder), dimensions, fingerprint))

    def store(self, points: Iterable[NewPoint]) -> None:
        """Add points, in place of those with the same ids."""
        import qdrant_edge as q

        made = [
            q.Point(
                id=key,
                vector={DENSE: _floats(dense), BM25: q.SparseVector(*terms)},
                payload=payload,
            )
            for key, dense, terms, payload in points
        ]
        self._shard.update(q.UpdateOperation.upsert_points(made))

    def say(self, ids: Sequence[str], values: Payload) -> None:
        """Set fields of points."""
        import qdrant_edge as q

        self._shard.update(q.UpdateOperation.set_payload(list(ids), values))

    def say_where(
        self, where: Sequence[Condition], values: Payload, but: Sequence[str] = ()
    ) -> None:
        """Set fields of the points that are meant, but for some ids."""
        import qdrant_edge as q

        self._shard.update(q.UpdateOperation.set_payload_by_filter(_filter(where, but), values))

    def remove(self, where: Sequence[Condition], but: Sequence[str] = ()) -> None:
        """Delete the points that are meant, but for some ids."""
        import qdrant_edge as q

        self._shard.update(q.UpdateOperation.delete_points_by_filter(_filter(where, but)))

    def size(self) -> int:
        """Points, the hidden ones among them."""
        return int(self._shard.info().points_count)

    def count(self, where: Sequence[Condition]) -> int:
        """Points that are meant."""
        import qdrant_edge as q

        return int(self._shard.count(q.CountRequest(filter=_filter(where))))

    def present(self, ids: Sequence[str]) -> int:
        """How many of these points there are."""
        import qdrant_edge as q

        wanted = q.Filter(must=[q.HasIdCondition(set(ids))])
        return int(self._shard.count(q.CountRequest(filter=wanted)))

    def facet(self, key: str, where: Sequence[Condition], limit: int) -> dict[str, int]:
        """Points by value of a field, for the most frequent values."""
        import qdrant_edge as q

        wanted = q.FacetRequest(key, limit=limit, exact=True, filter=_filter(where))
        return {hit.value: hit.count for hit in self._shard.facet(wanted).hits}

    def page(
        self,
        where: Sequence[Condition],
        limit: int,
        *,
        fields: Sequence[str] | None = None,
        vectors: bool = False,
        offset: str | None = None,
    ) -> tuple[list[StoredPoint], str | None]:
        """Some of the points that are meant, and where to go on; None at the end."""
        import qdrant_edge as q

        wanted = q.ScrollRequest(
            offset=offset,
            limit=limit,
            filter=_filter(where),
            with_payload=True if fields is None else list(fields),
            with_vector=vectors,
        )
        records, further = self._shard.scroll(wanted)
        return [_stored(record) for record in records], further and str(further)

    def search(
        self, where: Sequence[Condition], limit: int, dense: bytes, terms: Terms | None
    ) -> list[list[tuple[str, float]]]:
        """Ids and scores, best first: by vector, unless it is empty, then by words, unless
        there are none. Both go to the engine in one batch."""
        import qdrant_edge as q

        asked: dict[str, Any] = {}
        if dense:
            asked[DENSE] = _floats(dense)
        if terms:
            asked[BM25] = q.SparseVector(*terms)
        seen, how = _filter(where), q.SearchParams(hnsw_ef=_CANDIDATES)
        batch = [
            q.QueryRequest(
                limit=limit, query=q.Query.Nearest(vector, using=name), filter=seen, params=how
            )
            for name, vector in asked.items()
        ]
        found = self._shard.query_batch(q.QueryBatchRequest(batch))
        return [[(str(point.id), float(point.score)) for point in points] for points in found]

    def retrieve(self, ids: Sequence[str], *, vectors: bool) -> list[StoredPoint]:
        """Those of these points that there are, with their dense vectors if wanted."""
        records = self._shard.retrieve(list(ids), True, [DENSE] if vectors else False)
        return [_stored(record) for record in records]

    def build(self) -> None:
        """Merge segments, build graphs, write all to disk."""
        self._shard.optimize()
        self._shard.flush()
        give_back()

    def close(self) -> None:
        """Flush and let go of the folder."""
        self._shard.close()


def _filter(where: Sequence[Condition], but: Sequence[str] = ()) -> Any:
    import qdrant_edge as q

    must = [
        match(key, Between(**values) if isinstance(values, dict) else values)
        for key, values in where
    ]
    return q.Filter(must=must, must_not=[q.HasIdCondition(set(but))] if but else None)


def _stored(record: Any) -> StoredPoint:
    vectors = record.vector or {}
    terms = vectors.get(BM25)
    return (
        str(record.id),
        record.payload,
        array("f", vectors.get(DENSE, ())).tobytes(),
        (list(terms.indices), list(terms.values)) if terms else None,
    )


def _floats(vector: bytes) -> list[float]:
    return array("f", vector).tolist()
