"""Opening the folder of the embedded store, and mending what a killed run left in it."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.adapters.fields import BM25, DENSE, INTEGERS, KEYWORDS, TIMES, Between
from app.adapters.mismatch import refuse_mismatch
from app.core.errors import LockedError, PermanentError

if TYPE_CHECKING:
    from app.core.types import Scalar

_PAGE = 1000
_SEGMENTS = 4  # beyond them small ones are merged
# Of vectors: a segment that has fewer gets no graph; none is merged into a larger one.
_WITHOUT_GRAPH_KB, _LARGEST_SEGMENT_KB = 5_000, 200_000


def open_shard(folder: Path, dimensions: int, fingerprint: Mapping[str, Scalar]) -> Any:
    """The engine's shard in `folder`, made when there is none. See EdgeStore.open."""
    import qdrant_edge as q

    record, files = folder / "fingerprint.json", folder / "shard"
    made = read_record(record, folder)
    if made is not None:
        refuse_mismatch(
            made, fingerprint, what=f"the index in {folder}", way_out="FOOTNOTE_DATA_DIR"
        )
    try:
        if made is None:
            files.mkdir(parents=True, exist_ok=True)
        # Without a record nothing was ever stored: a run was killed while making the shard.
        if made is not None or any(files.iterdir()):
            # With the configuration, which an index made by an older version takes on as its
            # segments are built anew.
            shard = q.EdgeShard.load(str(files), _config(q, dimensions))
        else:
            shard = q.EdgeShard.create(str(files), _config(q, dimensions))
        _index(q, shard)
        mend(q, shard)
        for left in (files / "temp_segments").glob("*"):  # by a run killed while it optimized
            shutil.rmtree(left)
    except Exception as error:
        raise _named(error, folder) from error
    if made is None:
        record.write_text(json.dumps(dict(fingerprint), indent=2), encoding="utf-8")
    return shard


def read_record(record: Path, folder: Path) -> Any:
    """What the index was made with; None when it is yet to be made."""
    if not record.exists():
        return None
    try:
        return json.loads(record.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _named(error, folder) from error


def _payloads(shard: Any, wanted: Any) -> Iterator[Mapping[str, Any]]:
    """Of all points that a filter lets through."""
    import qdrant_edge as q

    offset = None
    while True:
        records, offset = shard.scroll(
            q.ScrollRequest(offset=offset, limit=_PAGE, filter=wanted, with_payload=True)
        )
        yield from (record.payload for record in records)
        if offset is None:
            return


def match(key: str, values: Sequence[str | int] | Between) -> Any:
    """The condition that a field has one of the values, or lies in the bounds."""
    import qdrant_edge as q

    if isinstance(values, Between):
        return q.FieldCondition(key=key, range=q.RangeFloat(gte=values.start, lt=values.end))
    wanted = q.MatchValue(values[0]) if len(values) == 1 else q.MatchAny(list[Any](values))
    return q.FieldCondition(key=key, match=wanted)


def _config(q: Any, dimensions: int) -> Any:
    """For ten documents and a million chunks alike.

    A segment gets a graph over int8 copies of its vectors; the originals stay on disk, for the
    next time a segment is built. Few segments, because each costs every search; none too
    large, because one that is being built is held several times over.
    """
    return q.EdgeConfig(
        vectors={
            DENSE: q.EdgeVectorParams(
                size=dimensions, distance=q.Distance.Cosine, memory=q.Memory.Cold
            )
        },
        sparse_vectors={
            BM25: q.EdgeSparseVectorParams(modifier=q.Modifier.Idf, memory=q.Memory.Cached)
        },
        id_tracker_memory=q.Memory.Cached,  # the default copies it into memory
        payload_memory=q.Memory.Cached,  # the default pushes it out of the page cache
        quantization_config=q.ScalarQuantizationConfig(
            # A few far-off coordinates would make the steps of all others coarse.
            q.ScalarType.Int8,
            quantile=0.9999,
            memory=q.Memory.Cached,
        ),
        optimizers=q.EdgeOptimizersConfig(
            default_segment_number=_SEGMENTS,
            indexing_threshold=_WITHOUT_GRAPH_KB,
            max_segment_size=_LARGEST_SEGMENT_KB,
        ),
        # The default leaves a core of two idle. One more than cores: where two threads wake on
        # the same core, the third takes the other one, which the slowest searches gain by.
        max_search_threads=(os.cpu_count() or 1) + 1,
    )


def _index(q: Any, shard: Any) -> None:
    # Only tenants are worth links of their own in the vector index: another field's value
    # has so few points that the engine scans them, or, like `live`, nearly all. What every
    # search asks for is in memory; the rest, nearly half a gigabyte at a million chunks, is not.
    disk = q.Memory.Cold
    kinds: dict[str, Any] = {
        n: q.KeywordIndexParams(enable_hnsw=False, memory=disk) for n in KEYWORDS
    }
    kinds |= {
        n: q.IntegerIndexParams(lookup=True, range=False, enable_hnsw=False, memory=disk)
        for n in INTEGERS
    }
    kinds |= {
        n: q.IntegerIndexParams(lookup=False, range=True, enable_hnsw=False, memory=disk)
        for n in TIMES
    }
    kinds["tenant"] = q.KeywordIndexParams(is_tenant=True)
    kinds["live"] = q.IntegerIndexParams(lookup=True, range=False, enable_hnsw=False)
    for name in kinds.keys() - shard.info().payload_schema.keys():
        shard.update(q.UpdateOperation.create_field_index(name, kinds[name]))


def mend(q: Any, shard: Any) -> None:
    """Drop versions that a killed run never showed.

    Where the kill fell into the switch itself, no version is live and both are whole:
    then the newer one goes live.
    """
    hidden = q.Filter(must=[match("live", [0])])
    if not shard.count(q.CountRequest(filter=hidden)):
        return
    versions: dict[str, dict[str, str]] = {}
    for record in _payloads(shard, q.Filter(must=[*hidden.must, match("ordinal", [0])])):
        version = versions.setdefault(record["document_id"], {})
        version[record["content_hash"]] = record["ingested_at"]
    for document_id, version in versions.items():
        mine = match("document_id", [document_id])
        live = q.Filter(must=[mine, match("live", [1])])
        if len(version) > 1 and not shard.count(q.CountRequest(filter=live)):
            newest = max(version, key=version.__getitem__)
            chosen = q.Filter(must=[mine, match("content_hash", [newest])])
            shard.update(q.UpdateOperation.set_payload_by_filter(chosen, {"live": 1}))
    shard.update(q.UpdateOperation.delete_points_by_filter(hidden))


def _named(error: Exception, folder: Path) -> PermanentError | LockedError:
    if "WouldBlock" in str(error):
        return LockedError(
            f"another process holds the index in {folder}",
            hint="stop it, ask the running server over HTTP, or set FOOTNOTE_QDRANT__URL",
        )
    return PermanentError(
        f"the index in {folder} cannot be opened",
        hint="move the folder away and ingest again",
    )
