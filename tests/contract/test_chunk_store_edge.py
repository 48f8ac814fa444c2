"""The embedded store passes the contract, and survives what befalls a folder."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import qdrant_edge as q

from app.adapters import payload
from app.adapters.qdrant_edge import EdgeStore
from app.core.errors import ConfigError, LockedError, PermanentError
from app.core.types import Document, Scalar
from tests.contract.chunk_store import (
    FINGERPRINT,
    HERE,
    LAPTOP,
    LEAVE,
    TRAVEL,
    ChunkStoreContract,
    Shelf,
)
from tests.support.documents import DIMENSIONS, asking, made
from tests.support.paths import ROOT


class FolderShelf(Shelf):
    """A folder; closes what a test leaves open."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._opened: list[EdgeStore] = []

    async def open(self, fingerprint: Mapping[str, Scalar] = FINGERPRINT) -> EdgeStore:
        store = await EdgeStore.open(self.folder, dimensions=DIMENSIONS, fingerprint=fingerprint)
        self._opened.append(store)
        return store

    async def close(self) -> None:
        """Close every store."""
        for store in self._opened:
            await store.close()


class TestEdgeStore(ChunkStoreContract):
    @pytest.fixture
    async def shelf(self, tmp_path: Path) -> AsyncIterator[FolderShelf]:
        shelf = FolderShelf(tmp_path / "index")
        yield shelf
        await shelf.close()

    async def test_languages_follow_every_change(self, store: EdgeStore) -> None:
        await store.replace(*made("a.md", [LEAVE], language="english"))
        assert await store.languages(HERE) == ["english"]

        await store.replace(*made("a.md", ["Urlaub"], language="german"))
        assert await store.languages(HERE) == ["german"]

        await store.delete(made("a.md", []).id, HERE)
        assert await store.languages(HERE) == []

    async def test_closing_twice_is_harmless(self, store: EdgeStore) -> None:
        await store.close()
        await store.close()

    async def test_a_second_process_is_told_who_is_in_the_way(
        self, shelf: FolderShelf, store: EdgeStore
    ) -> None:
        done = await asyncio.to_thread(_run, _OPEN, shelf.folder)

        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith("LockedError another process holds the index in")
        assert "FOOTNOTE_QDRANT__URL" in done.stdout

    async def test_the_lock_is_gone_with_the_store(
        self, shelf: FolderShelf, store: EdgeStore
    ) -> None:
        await store.close()

        done = await asyncio.to_thread(_run, _OPEN, shelf.folder)

        assert done.stdout == "opened\n", done.stderr

    async def test_a_mismatch_does_not_keep_the_lock(
        self, shelf: FolderShelf, store: EdgeStore
    ) -> None:
        await store.close()
        with pytest.raises(ConfigError, match="FOOTNOTE_DATA_DIR"):
            await shelf.open({"model": "other"})

        assert await shelf.open()

    async def test_damaged_files_are_named_not_shown_as_a_traceback(
        self, shelf: FolderShelf, store: EdgeStore
    ) -> None:
        await store.close()
        for file in (shelf.folder / "shard").glob("*.json"):
            file.write_text("not JSON")

        with pytest.raises(PermanentError, match="cannot be opened") as error:
            await shelf.open()
        assert not isinstance(error.value, LockedError)

    @pytest.mark.parametrize("run", range(4))
    async def test_killed_at_any_moment_one_whole_version_answers(
        self, shelf: FolderShelf, run: int
    ) -> None:
        process = await asyncio.to_thread(_start, _REPLACE_FOREVER, shelf.folder)
        await asyncio.sleep(0.05 + 0.11 * run)
        process.kill()
        await asyncio.to_thread(process.wait)

        store = await shelf.open()

        (document,) = await store.documents(HERE)
        chunks = await store.chunks(document.document_id, HERE)
        assert len(chunks) == 40
        assert len({chunk.text for chunk in chunks}) == 1
        found = await store.search(asking("annual leave"), HERE)
        assert {passage.text for passage in found} == {chunks[0].text}
        await store.replace(*made("a.md", [LAPTOP]))
        assert (await store.info()).chunks == 1

    async def test_killed_before_the_switch_the_old_version_answers(
        self, shelf: FolderShelf, store: EdgeStore
    ) -> None:
        old, new = made("a.md", [LEAVE]), made("a.md", [LAPTOP, TRAVEL])
        await store.replace(*old)
        await store.replace(*made("b.md", [TRAVEL]))
        await _as_if_killed(shelf, store, _hide_all_of(new.document.content_hash), first=new)

        store = await shelf.open()

        assert [c.text for c in await store.chunks(old.id, HERE)] == [LEAVE]
        assert (await store.info()).chunks == 2

    async def test_killed_within_the_switch_the_new_version_answers(
        self, shelf: FolderShelf, store: EdgeStore
    ) -> None:
        old, new = made("a.md", [LEAVE]), made("a.md", [LAPTOP, TRAVEL])
        await store.replace(*old)
        await _as_if_killed(
            shelf,
            store,
            _hide_all_of(old.document.content_hash),
            _hide_all_of(new.document.content_hash),
            first=new,
        )

        store = await shelf.open()

        assert [c.text for c in await store.chunks(old.id, HERE)] == [LAPTOP, TRAVEL]
        assert (await store.info()).chunks == 2

    async def test_a_first_version_that_was_never_shown_is_dropped(
        self, shelf: FolderShelf, store: EdgeStore
    ) -> None:
        new = made("a.md", [LAPTOP])
        await _as_if_killed(shelf, store, _hide_all_of(new.document.content_hash), first=new)

        store = await shelf.open()

        assert await store.documents(HERE) == []
        assert await store.search(asking("laptop"), HERE) == []

    async def test_a_folder_half_made_is_finished(self, tmp_path: Path) -> None:
        shelf = FolderShelf(tmp_path / "index")
        await (await shelf.open()).close()
        (shelf.folder / "fingerprint.json").unlink()

        store = await shelf.open()
        await store.replace(*made("a.md", [LEAVE]))

        assert (shelf.folder / "fingerprint.json").exists()
        assert await store.search(asking("leave"), HERE)
        await store.close()

    async def test_what_a_killed_optimization_left_on_the_disk_is_removed(
        self, shelf: FolderShelf, store: EdgeStore
    ) -> None:
        await store.replace(*made("a.md", [LEAVE]))
        await store.close()
        left = shelf.folder / "shard" / "temp_segments" / "half-built"
        left.mkdir(parents=True)
        (left / "matrix.dat").write_bytes(b"0" * 100)

        store = await shelf.open()

        assert not left.exists()
        assert await store.search(asking("leave"), HERE)

    async def test_an_index_made_before_vectors_were_quantized_still_answers(
        self, shelf: FolderShelf
    ) -> None:
        await _make_as_before(shelf.folder)

        store = await shelf.open()
        await store.replace(*made("a.md", [LEAVE, TRAVEL]))
        await store.optimize()
        await store.close()
        store = await shelf.open()

        assert (await store.info()).chunks == 2
        assert (await store.search(asking("annual leave"), HERE))[0].text == LEAVE

    async def test_listing_documents_does_not_read_their_texts_into_memory(
        self, store: EdgeStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await store.replace(*made("a.md", [LEAVE, TRAVEL]))
        read: list[str] = []
        whole = payload.to_document

        def watched(found: Mapping[str, Any]) -> Document:
            read.extend(found)
            return whole(found)

        monkeypatch.setattr(payload, "to_document", watched)
        (document,) = await store.documents(HERE)

        assert document.source == "a.md"
        assert "source" in read
        assert "text" not in read


class TestManyChunks:
    """Enough of them for a graph over quantized vectors, which a few never get."""

    DIMENSIONS, DOCUMENTS, CHUNKS = 1024, 30, 100  # the engine's threshold is 10 MB of vectors

    @pytest.mark.parametrize("piece", [1 << 30, 8 << 20], ids=["at once", "in pieces"])
    async def test_the_nearest_are_found_and_nothing_is_lost(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, piece: int
    ) -> None:
        vectors = self._vectors()
        monkeypatch.setattr("app.adapters.qdrant_edge._SMALLEST_PIECE", piece)
        store = await EdgeStore.open(tmp_path, dimensions=self.DIMENSIONS, fingerprint={})
        for n in range(self.DOCUMENTS):
            document, chunks = made(f"{n}.md", [f"chunk {n} {c}" for c in range(self.CHUNKS)])
            mine = vectors[n * self.CHUNKS : (n + 1) * self.CHUNKS]
            again = [replace(chunk, dense=row) for chunk, row in zip(chunks, mine, strict=True)]
            await store.replace(document, again)
        await store.optimize()

        info = await store.info()
        assert (info.documents, info.chunks) == (self.DOCUMENTS, self.DOCUMENTS * self.CHUNKS)
        assert len(await store.documents(HERE)) == self.DOCUMENTS
        shared = 0
        for row in vectors[::100]:
            query = replace(asking("", limit=10), dense=row)
            found = {passage.text for passage in await store.search(query, HERE)}
            nearest = np.argsort(-(vectors @ row))[:10].tolist()
            shared += len(found & {f"chunk {n // 100} {n % 100}" for n in nearest})
        assert shared / (10 * self.DOCUMENTS) > 0.9
        await store.close()

    def _vectors(self) -> Any:
        rng = np.random.default_rng(0)
        topics = rng.standard_normal((20, self.DIMENSIONS))
        rows = self.DOCUMENTS * self.CHUNKS
        found = topics[rng.integers(0, 20, rows)] + rng.standard_normal((rows, self.DIMENSIONS))
        return (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float32)


async def _make_as_before(folder: Path) -> None:
    """An index as it was made when its vectors were kept in memory as they are."""
    from app.adapters.fields import BM25, DENSE

    (folder / "shard").mkdir(parents=True)
    config = q.EdgeConfig(
        vectors={DENSE: q.EdgeVectorParams(size=DIMENSIONS, distance=q.Distance.Cosine)},
        sparse_vectors={BM25: q.EdgeSparseVectorParams(modifier=q.Modifier.Idf)},
        payload_memory=q.Memory.Cached,
    )
    q.EdgeShard.create(str(folder / "shard"), config).close()
    (folder / "fingerprint.json").write_text(json.dumps(dict(FINGERPRINT)), encoding="utf-8")


async def _as_if_killed(
    shelf: FolderShelf, store: EdgeStore, *steps: Callable[[Any], None], first: Any
) -> None:
    """Leave the folder as a run would that was killed while it replaced a document."""
    from app.adapters.fields import BM25, DENSE
    from app.adapters.payload import point_id, to_payload

    await store.close()
    shard = q.EdgeShard.load(str(shelf.folder / "shard"))
    document, chunks = first
    points = [
        q.Point(
            id=point_id(document, encoded.chunk.ordinal),
            vector={
                DENSE: encoded.dense.tolist(),
                BM25: q.SparseVector(list(encoded.sparse.indices), list(encoded.sparse.values)),
            },
            payload=to_payload(document, encoded.chunk, live=True),
        )
        for encoded in chunks
    ]
    shard.update(q.UpdateOperation.upsert_points(points))
    for step in steps:
        step(shard)
    shard.close()


def _hide_all_of(content_hash: str) -> Callable[[Any], None]:
    version = q.FieldCondition(key="content_hash", match=q.MatchValue(content_hash))

    def step(shard: Any) -> None:
        hide = q.UpdateOperation.set_payload_by_filter(q.Filter(must=[version]), {"live": 0})
        shard.update(hide)

    return step


def _run(script: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", script, str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )


def _start(script: str, folder: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(folder)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


_OPEN = f"""
import asyncio, pathlib, sys
from app.adapters.qdrant_edge import EdgeStore
from app.core.errors import FootnoteError
from tests.support.documents import DIMENSIONS

async def main():
    folder = pathlib.Path(sys.argv[1])
    fingerprint = {dict(FINGERPRINT)!r}
    try:
        await (await EdgeStore.open(folder, dimensions=DIMENSIONS, fingerprint=fingerprint)).close()
        print("opened")
    except FootnoteError as error:
        print(type(error).__name__, error)

asyncio.run(main())
"""

_REPLACE_FOREVER = f"""
import asyncio, itertools, pathlib, sys
from app.adapters.qdrant_edge import EdgeStore
from tests.support.documents import DIMENSIONS, made

async def main():
    folder = pathlib.Path(sys.argv[1])
    fingerprint = {dict(FINGERPRINT)!r}
    store = await EdgeStore.open(folder, dimensions=DIMENSIONS, fingerprint=fingerprint)
    for n in itertools.count():
        await store.replace(*made("a.md", [f"annual leave, version {{n}}"] * 40))
        if n == 0:
            print("ready", flush=True)

asyncio.run(main())
"""
