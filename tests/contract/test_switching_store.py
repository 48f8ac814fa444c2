"""The store of a service, which can go over to another, passes the contract of any store."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest

from app.adapters.qdrant_edge import EdgeStore
from app.adapters.switching import SwitchingStore
from app.core.ports import ChunkStore
from app.core.types import Scalar
from tests.contract.chunk_store import FINGERPRINT, ChunkStoreContract, Shelf
from tests.support.documents import DIMENSIONS


class SwitchingShelf(Shelf):
    """A folder; closes what a test leaves open."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.opened: list[ChunkStore] = []

    async def open(self, fingerprint: Mapping[str, Scalar] = FINGERPRINT) -> ChunkStore:
        inner = await EdgeStore.open(self.folder, dimensions=DIMENSIONS, fingerprint=fingerprint)
        self.opened.append(store := SwitchingStore(inner))
        return store


class TestSwitchingStore(ChunkStoreContract):
    @pytest.fixture
    async def shelf(self, tmp_path: Path) -> AsyncIterator[SwitchingShelf]:
        shelf = SwitchingShelf(tmp_path / "index")
        yield shelf
        for store in shelf.opened:
            await store.close()
