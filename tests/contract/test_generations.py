"""Generations of the embedded index and of one on a Qdrant server pass the contract."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest

from app.adapters.generations import EdgeGenerations, ServerGenerations
from app.adapters.qdrant_server import QdrantStore
from app.core.errors import LockedError, PermanentError, TransientError
from app.core.ports import Generations
from app.core.types import Scalar, Scope
from tests.contract.generations import (
    LAPTOP,
    LEAVE,
    MADE,
    OTHERS,
    GenerationsContract,
    Place,
)
from tests.contract.test_chunk_store_qdrant import Yielding
from tests.support.documents import DIMENSIONS, asking, made
from tests.support.environment import REAL_QDRANT_KEY, REAL_QDRANT_URL

pytestmark = pytest.mark.filterwarnings("ignore:Payload indexes have no effect")


class FolderPlace(Place):
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def of(self, fingerprint: Mapping[str, Scalar] = MADE) -> Generations:
        return EdgeGenerations(self.folder, dimensions=DIMENSIONS, fingerprint=fingerprint)

    async def count(self) -> int:
        return await asyncio.to_thread(lambda: len([*self.folder.rglob("fingerprint.json")]))


class ServerPlace(Place):
    def __init__(self, client: Yielding) -> None:
        self.client = client
        self.collection = f"test-{uuid.uuid4().hex}"

    def of(self, fingerprint: Mapping[str, Scalar] = MADE) -> Generations:
        return ServerGenerations(
            lambda: self.client, self.collection, dimensions=DIMENSIONS, fingerprint=fingerprint
        )

    async def names(self) -> list[str]:
        """Collections of this index."""
        found = (await self.client.get_collections()).collections
        return [c.name for c in found if c.name.startswith(self.collection)]

    async def count(self) -> int:
        return len(await self.names())


class TestEdgeGenerations(GenerationsContract):
    @pytest.fixture
    async def place(self, tmp_path: Path) -> FolderPlace:
        return FolderPlace(tmp_path / "index")

    async def test_a_rebuilt_index_is_locked_as_any(self, place: FolderPlace) -> None:
        old, generations = await place.of().current(), place.of()
        new = await generations.begin()
        with pytest.raises(LockedError):
            await place.of().as_made()
        await generations.adopt()
        await old.close()

        for opened in (place.of().current, place.of().as_made):
            with pytest.raises(LockedError):
                await opened()
        await new.close()

    async def test_the_old_files_are_gone_when_it_is_opened_again(self, place: FolderPlace) -> None:
        old, generations = await place.of().current(), place.of()
        new = await generations.begin()
        await generations.adopt()
        await old.close()
        await new.close()  # and killed before the sweep

        await (await place.of().current()).close()

        found = await asyncio.to_thread(lambda: {e.name for e in place.folder.iterdir()})
        assert found == {"CURRENT", "g2"}

    async def test_a_lost_pointer_does_not_make_an_empty_index(self, place: FolderPlace) -> None:
        old, generations = await place.of().current(), place.of()
        new = await generations.begin()
        await new.replace(*made("a.md", [LEAVE]))
        await generations.adopt()
        await old.close()
        await generations.sweep()
        await new.close()
        pointing = place.folder / "CURRENT"
        await asyncio.to_thread(pointing.unlink)

        with pytest.raises(PermanentError, match="cannot be opened"):
            await place.of().current()

        await asyncio.to_thread(pointing.write_text, "g2", "utf-8")
        store = await place.of().current()
        assert (await store.info()).documents == 1
        await store.close()

    @pytest.mark.parametrize("pointer", ["", "../../etc", "g9", "\ufffd"])
    async def test_a_damaged_pointer_is_named_and_nothing_is_removed(
        self, place: FolderPlace, pointer: str
    ) -> None:
        await (await place.of().current()).close()
        pointing = place.folder / "CURRENT"
        await asyncio.to_thread(pointing.write_text, pointer, "utf-8")

        with pytest.raises(PermanentError, match="cannot be opened"):
            await place.of().current()

        await asyncio.to_thread(pointing.unlink)
        await (await place.of().current()).close()


class TestServerGenerations(GenerationsContract):
    @pytest.fixture
    async def place(self) -> AsyncIterator[ServerPlace]:
        yield ServerPlace(Yielding(":memory:"))

    async def test_a_service_on_the_old_generation_reads_on_and_takes_no_changes(
        self, place: ServerPlace
    ) -> None:
        service = await place.of().current()
        await service.replace(*made("a.md", [LEAVE]))
        generations = place.of(OTHERS)
        await generations.begin()
        await generations.adopt()
        await generations.sweep()

        assert [p.text for p in await service.search(asking("leave"), Scope())] == [LEAVE]
        for write in (
            service.replace(*made("b.md", [LAPTOP])),
            service.delete(made("a.md", []).id, Scope()),
        ):
            with pytest.raises(TransientError, match="restart"):
                await write

    async def test_a_service_follows_a_rebuild_with_its_own_settings(
        self, place: ServerPlace
    ) -> None:
        service = await place.of().current()
        generations = place.of()
        await generations.begin()
        await generations.adopt()

        await service.replace(*made("b.md", [LAPTOP]))

        assert (await (await place.of().current()).info()).documents == 1

    async def test_indexes_with_like_names_leave_each_other_alone(self, place: ServerPlace) -> None:
        beside = ServerPlace(place.client)
        beside.collection = f"{place.collection}-g"
        theirs = await beside.of().begin()
        assert isinstance(theirs, QdrantStore)
        await (await place.of().current()).close()

        await place.of().sweep()

        assert f"{place.collection}-g-g2" in await place.names()


@pytest.mark.skipif(not REAL_QDRANT_URL, reason="FOOTNOTE_QDRANT__URL names no server")
class TestRealServerGenerations(GenerationsContract):
    @pytest.fixture
    async def place(self) -> AsyncIterator[ServerPlace]:
        place = ServerPlace(Yielding(url=REAL_QDRANT_URL, api_key=REAL_QDRANT_KEY))
        yield place
        for name in await place.names():
            await place.client.delete_collection(name)
