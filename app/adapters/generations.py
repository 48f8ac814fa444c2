"""Where an index is kept, generation after generation: in a folder or on a Qdrant server."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from app.adapters import edge_generations, server_generations
from app.adapters.edge_shard import read_record
from app.adapters.qdrant_edge import EdgeStore
from app.adapters.qdrant_server import QdrantStore, reaching
from app.core.errors import NotFoundError, PermanentError
from app.core.types import Scalar

if TYPE_CHECKING:
    from qdrant_client import AsyncQdrantClient


class EdgeGenerations:
    """Generations of the embedded index.

    Args:
        folder: Where the index is.
        dimensions: Length of the vectors of a new generation.
        fingerprint: What a new generation is made with.
    """

    def __init__(self, folder: Path, *, dimensions: int, fingerprint: Mapping[str, Scalar]) -> None:
        self._folder = folder
        self._dimensions = dimensions
        self._fingerprint = fingerprint
        self._begun = folder

    @property
    def fingerprint(self) -> Mapping[str, Scalar]:
        """What a generation is made with now."""
        return self._fingerprint

    async def current(self) -> EdgeStore:
        """The generation in use. Raises ConfigError, LockedError, PermanentError."""
        return await EdgeStore.open(
            self._folder, dimensions=self._dimensions, fingerprint=self._fingerprint
        )

    async def as_made(self) -> EdgeStore:
        """The generation in use, whatever it was made with. Raises NotFoundError, LockedError."""
        made = await self.made_with()
        dimensions = _dimensions(made, f"the index in {self._folder}")
        return await EdgeStore.open(self._folder, dimensions=dimensions, fingerprint=made)

    async def made_with(self) -> Mapping[str, Scalar]:
        """What the generation in use was made with. Raises NotFoundError."""
        place = await asyncio.to_thread(edge_generations.current, self._folder)
        made: Mapping[str, Scalar] | None = await asyncio.to_thread(
            read_record, place / "fingerprint.json", place
        )
        if made is None:
            raise nothing_there()
        return made

    async def begin(self) -> EdgeStore:
        """A new generation, empty."""
        self._begun = await asyncio.to_thread(edge_generations.begin, self._folder)
        return await EdgeStore.open(
            self._begun, dimensions=self._dimensions, fingerprint=self._fingerprint
        )

    async def adopt(self) -> None:
        """Put the generation begun last to use."""
        await asyncio.to_thread(edge_generations.adopt, self._begun)

    async def sweep(self) -> None:
        """Remove all generations but the one in use."""
        await asyncio.to_thread(edge_generations.sweep, self._folder)

    async def size(self) -> int:
        """Bytes on disk."""
        return await asyncio.to_thread(edge_generations.size, self._folder)


class ServerGenerations:
    """Generations of an index on a Qdrant server.

    The one before the one in use stays until the next rebuild: nobody can tell whether a
    service still answers from it.

    Args:
        connect: Makes a client; each store closes its own.
        collection: The index's name.
        dimensions: Length of the vectors of a new generation.
        fingerprint: What a new generation is made with.
    """

    def __init__(
        self,
        connect: Callable[[], AsyncQdrantClient],
        collection: str,
        *,
        dimensions: int,
        fingerprint: Mapping[str, Scalar],
    ) -> None:
        self._connect = connect
        self._collection = collection
        self._dimensions = dimensions
        self._fingerprint = fingerprint
        self._begun = collection

    @property
    def fingerprint(self) -> Mapping[str, Scalar]:
        """What a generation is made with now."""
        return self._fingerprint

    async def current(self) -> QdrantStore:
        """The generation in use. Raises ConfigError, TransientError."""
        return await self._open(self._collection, self._dimensions, self._fingerprint)

    async def as_made(self) -> QdrantStore:
        """The generation in use, whatever it was made with. Raises NotFoundError."""
        made = await self.made_with()
        dimensions = _dimensions(made, f"the collection {self._collection!r}")
        return await self._open(self._collection, dimensions, made)

    @reaching
    async def made_with(self) -> Mapping[str, Scalar]:
        """What the generation in use was made with. Raises NotFoundError."""
        client = self._connect()
        try:
            place = await server_generations.resolve(client, self._collection)
            if not await client.collection_exists(place):
                raise nothing_there()
            return (await client.get_collection(place)).config.metadata or {}
        finally:
            await client.close()

    @reaching
    async def begin(self) -> QdrantStore:
        """A new generation, empty."""
        client = self._connect()
        try:
            self._begun = await server_generations.begin(client, self._collection)
        finally:
            await client.close()
        return await self._open(self._begun, self._dimensions, self._fingerprint)

    @reaching
    async def adopt(self) -> None:
        """Put the generation begun last to use."""
        client = self._connect()
        try:
            await server_generations.adopt(client, self._collection, self._begun)
        finally:
            await client.close()

    @reaching
    async def sweep(self) -> None:
        """Remove all generations but the one in use and the one before."""
        client = self._connect()
        try:
            await server_generations.sweep(client, self._collection)
        finally:
            await client.close()

    async def size(self) -> None:
        """Not known: a server keeps it to itself."""

    async def _open(
        self, collection: str, dimensions: int, fingerprint: Mapping[str, Scalar]
    ) -> QdrantStore:
        client = self._connect()
        try:
            return await QdrantStore.open(
                client, collection, dimensions=dimensions, fingerprint=fingerprint
            )
        except BaseException:
            await client.close()
            raise


def _dimensions(made: Mapping[str, Scalar], what: str) -> int:
    try:
        return int(made["dimensions"])
    except (LookupError, ValueError) as error:
        raise PermanentError(
            f"{what} does not say what it was made with", hint="ingest into another one"
        ) from error


def nothing_there() -> NotFoundError:
    """The error of an index that was never made."""
    return NotFoundError("there is no index yet", hint="make one with `footnote ingest PATH`")
