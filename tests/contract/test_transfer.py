"""An index moves between embedded and server stores in one file, and nothing is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from app.core.errors import ConfigError, InputError, NotFoundError, PermanentError
from app.core.ports import ChunkStore, Generations
from app.core.types import Scope
from app.index import Index
from ingestion.index_file import IndexWriter
from tests.contract.generations import LAPTOP, LEAVE, MADE, OTHERS, Place, everything
from tests.contract.test_chunk_store_qdrant import Yielding
from tests.contract.test_generations import FolderPlace, ServerPlace
from tests.support.documents import Made, asking, made
from tests.support.environment import REAL_QDRANT_KEY, REAL_QDRANT_URL

pytestmark = pytest.mark.filterwarnings("ignore:Payload indexes have no effect")

VERSIONS: list[Made] = [
    *(made(f"{n}.md", [f"{LEAVE}Rule {n}. ", f"{LAPTOP}Desk {n}. "]) for n in range(40)),
    made("long.md", [f"Paragraph {n} of many. " for n in range(600)], language="english"),
    made("theirs.md", [LAPTOP], tenant="acme", tags={"team": "it"}, language="german"),
]
QUESTIONS = ["annual leave, rule 7", "stolen laptop, desk 12", "paragraph 300"]


def index(generations: Generations) -> Index:
    """What moves an index; it needs no model."""
    nothing = cast(Any, None)
    return Index(generations, nothing, nothing, nothing, nothing, nothing, nothing)


async def fill(place: Place, versions: list[Made] = VERSIONS) -> None:
    store = await place.of().current()
    for version in versions:
        await store.replace(*version)
    await store.close()


async def seen(store: ChunkStore) -> Mapping[str, Any]:
    """All that a reader can see."""
    return {
        "register": [await store.documents(Scope(tenant)) for tenant in ("default", "acme")],
        "texts": [(d, [c.chunk for c in chunks]) for d, chunks in await everything(store)],
        "languages": sorted((await store.census()).languages.items()),
        "best": [
            [(p.document_id, p.text) for p in found]
            for tenant in ("default", "acme")
            for question in QUESTIONS
            for found in [await store.search(asking(question, limit=1), Scope(tenant))]
        ],
        # Passages of one score come in any order: it is the scores that must be the same.
        "scores": {
            f"{question} {p.document_id} {p.start} {name}": score or 0.0
            for question in QUESTIONS
            for p in await store.search(replace(asking(question, limit=999), depth=999), Scope())
            for name, score in (("dense", p.scores.dense), ("bm25", p.scores.bm25))
        },
    }


def assert_same(found: Mapping[str, Any], before: Mapping[str, Any]) -> None:
    """Engines round the last digits of a score in their own ways."""
    assert {**found, "scores": 0} == {**before, "scores": 0}
    assert found["scores"] == pytest.approx(before["scores"], abs=1e-4)


async def seen_at(place: Place) -> Mapping[str, Any]:
    store = await place.of().current()
    found = await seen(store)
    await store.close()
    return found


@pytest.fixture
def folder(tmp_path: Path) -> FolderPlace:
    return FolderPlace(tmp_path / "index")


@pytest.fixture
def server() -> Iterator[ServerPlace]:
    if REAL_QDRANT_URL:
        yield ServerPlace(Yielding(url=REAL_QDRANT_URL, api_key=REAL_QDRANT_KEY))
    else:
        yield ServerPlace(Yielding(":memory:"))


async def test_from_a_folder_to_a_server_and_back_everything_is_the_same(
    folder: FolderPlace, server: ServerPlace, tmp_path: Path
) -> None:
    await fill(folder)
    before = await seen_at(folder)
    there, back = tmp_path / "there", tmp_path / "back"

    written = await index(folder.of()).write(there)
    read = await index(server.of()).read(there)
    assert_same(await seen_at(server), before)
    await index(server.of()).write(back)
    home = FolderPlace(tmp_path / "home")
    await index(home.of()).read(back)

    assert (written.documents, written.chunks) == (read.documents, read.chunks) == (42, 681)
    assert_same(await seen_at(home), before)
    for name in await server.names():
        await server.client.delete_collection(name)


async def test_an_export_says_how_the_index_was_made_not_what_the_settings_are(
    folder: FolderPlace, tmp_path: Path
) -> None:
    await fill(folder, VERSIONS[:2])
    file = tmp_path / "file"

    await index(folder.of(OTHERS)).write(file)

    with pytest.raises(ConfigError, match=r"chunker: a there, b here.*footnote index rebuild"):
        await index(FolderPlace(tmp_path / "new").of(OTHERS)).read(file)
    await index(FolderPlace(tmp_path / "new").of()).read(file)


async def test_importing_merges_only_when_told_and_twice_is_once(
    folder: FolderPlace, tmp_path: Path
) -> None:
    await fill(folder, VERSIONS[:3])
    file = tmp_path / "file"
    await index(folder.of()).write(file)
    other = FolderPlace(tmp_path / "other")
    newer = made("1.md", ["An older text, to be replaced. "])
    await fill(other, [newer, VERSIONS[-1]])

    with pytest.raises(InputError, match="not empty; with --merge"):
        await index(other.of()).read(file)
    assert (await index(other.of()).info()).documents == 2
    for _ in range(2):
        await index(other.of()).read(file, merge=True)

    report = await index(other.of()).info()
    assert (report.documents, report.chunks) == (4, 7)
    assert report.tenants["acme"].documents == 1
    assert (await seen_at(other))["register"][0] == [v.document for v in VERSIONS[:3]]


@pytest.mark.parametrize("merge", [False, True])
async def test_a_damaged_file_changes_nothing(
    folder: FolderPlace, tmp_path: Path, merge: bool
) -> None:
    await fill(folder)
    file = tmp_path / "file"
    await index(folder.of()).write(file)
    other = FolderPlace(tmp_path / "other")
    await fill(other, VERSIONS[:1] if merge else [])
    before = await seen_at(other)
    whole = await asyncio.to_thread(file.read_bytes)
    await asyncio.to_thread(file.write_bytes, whole[: len(whole) // 2])

    with pytest.raises(PermanentError, match="damaged"):
        await index(other.of()).read(file, merge=merge)

    assert_same(await seen_at(other), before)
    assert await other.count() == 1


async def test_an_import_that_was_stopped_is_made_good_by_another(
    folder: FolderPlace, tmp_path: Path
) -> None:
    class Stopped(Exception):
        pass

    def stop(done: int, *_: Any) -> None:
        if done == 20:
            raise Stopped

    await fill(folder)
    before = await seen_at(folder)
    file = tmp_path / "file"
    await index(folder.of()).write(file)
    other, merged = FolderPlace(tmp_path / "other"), FolderPlace(tmp_path / "merged")
    for place, merge in ((other, False), (merged, True)):
        with pytest.raises(Stopped):
            await index(place.of()).read(file, merge=merge, progress=stop)

        await index(place.of()).read(file, merge=merge)

        assert_same(await seen_at(place), before)


async def test_no_index_cannot_be_exported(folder: FolderPlace, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        await index(folder.of()).write(tmp_path / "file")
    assert not (tmp_path / "file").exists()


async def test_an_empty_index_moves_too(folder: FolderPlace, tmp_path: Path) -> None:
    await asyncio.to_thread(lambda: IndexWriter(tmp_path / "file", MADE).finish())

    report = await index(folder.of()).read(tmp_path / "file")

    assert (report.documents, report.chunks) == (0, 0)
