"""The store on a Qdrant server passes the contract, and tells failures of a server apart.

The official client's own implementation of the API stands in for a server. With
FOOTNOTE_QDRANT__URL set, a real one is asked as well.
"""

from __future__ import annotations

import asyncio
import inspect
import uuid
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
from qdrant_client import AsyncQdrantClient
from qdrant_client import models as m

from app.adapters.qdrant_server import QdrantStore
from app.core.types import Scalar
from tests.contract.chunk_store import (
    FINGERPRINT,
    HERE,
    LAPTOP,
    LEAVE,
    ChunkStoreContract,
    Shelf,
)
from tests.support.documents import DIMENSIONS, asking, made
from tests.support.environment import REAL_QDRANT_KEY, REAL_QDRANT_URL

pytestmark = pytest.mark.filterwarnings("ignore:Payload indexes have no effect")


class Yielding(AsyncQdrantClient):
    """The local client never waits; this one lets others run before every call, as a network
    does, and stays open when a store closes."""

    def __getattribute__(self, name: str) -> Any:
        found = super().__getattribute__(name)
        if name == "close":
            return _nothing
        if name.startswith("_") or not inspect.iscoroutinefunction(found):
            return found

        async def later(*args: Any, **kwargs: Any) -> Any:
            await asyncio.sleep(0)
            return await found(*args, **kwargs)

        return later


async def _nothing() -> None:
    return None


class CollectionShelf(Shelf):
    """A collection of its own, gone after the test."""

    def __init__(self, client: AsyncQdrantClient) -> None:
        self.client = client
        self.collection = f"footnote-tests-{uuid.uuid4().hex}"

    async def open(self, fingerprint: Mapping[str, Scalar] = FINGERPRINT) -> QdrantStore:
        return await QdrantStore.open(
            self.client, self.collection, dimensions=DIMENSIONS, fingerprint=fingerprint
        )


class TestQdrantStore(ChunkStoreContract):
    @pytest.fixture
    async def shelf(self) -> AsyncIterator[CollectionShelf]:
        yield CollectionShelf(Yielding(":memory:"))

    async def test_a_question_does_not_count_the_languages_anew(
        self, shelf: CollectionShelf, store: QdrantStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await store.replace(*made("a.md", [LEAVE], language="english"))
        first = await store.languages(HERE)
        monkeypatch.delattr(AsyncQdrantClient, "facet")

        assert await store.languages(HERE) == first == ["english"]

    async def test_a_reader_between_two_versions_gets_the_new_one(
        self, shelf: CollectionShelf, store: QdrantStore
    ) -> None:
        """A server has no step that shows one version and hides another at once."""
        old, new = made("a.md", [LEAVE]), made("a.md", [f"{LEAVE}Since May: 28. ", LAPTOP])
        await store.replace(*new)
        hidden = await shelf.client.scroll(shelf.collection, with_vectors=True)
        await store.replace(*old)
        both = [m.PointStruct(id=r.id, vector=r.vector, payload=r.payload) for r in hidden[0]]
        await shelf.client.upsert(shelf.collection, both)

        found = await store.search(asking("annual leave"), HERE)

        assert [passage.text for passage in found] == [f"{LEAVE}Since May: 28. ", LAPTOP]
        assert [c.text for c in await store.chunks(new.id, HERE)] == [
            f"{LEAVE}Since May: 28. ",
            LAPTOP,
        ]
        assert await store.documents(HERE) == [new.document]


@pytest.mark.skipif(not REAL_QDRANT_URL, reason="FOOTNOTE_QDRANT__URL names no server")
class TestRealQdrantServer(ChunkStoreContract):
    @pytest.fixture
    async def shelf(self) -> AsyncIterator[CollectionShelf]:
        client = Yielding(url=REAL_QDRANT_URL, api_key=REAL_QDRANT_KEY)
        shelf = CollectionShelf(client)
        yield shelf
        await client.delete_collection(shelf.collection)
