"""A chunk store that goes over to another one while it is being used."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager

from app.core.errors import TransientError
from app.core.ports import ChunkStore
from app.core.types import (
    Census,
    Chunk,
    Document,
    EncodedChunk,
    HybridQuery,
    IndexInfo,
    Passage,
    Scope,
)


class SwitchingStore:
    """A ChunkStore in front of another one.

    Every call goes to one store from its beginning to its end, and so do all calls of a
    reader that pins it. A store that was switched away from is closed once nobody uses it.
    """

    def __init__(self, store: ChunkStore) -> None:
        self._store = store
        self._users: Counter[int] = Counter()
        self._writers = 0
        self._paused = False
        self._retired: ChunkStore | None = None
        self._changed = asyncio.Event()

    @property
    def is_retired(self) -> bool:
        """Whether it takes no changes any more; see `retire`."""
        return self._retired is not None

    @asynccontextmanager
    async def pinned(self) -> AsyncIterator[ChunkStore]:
        """The store in use now, which stays open and the same until the end."""
        store = self._store
        self._users[id(store)] += 1
        try:
            yield store
        finally:
            self._users[id(store)] -= 1
            self._tell()

    @asynccontextmanager
    async def writes_paused(self) -> AsyncIterator[None]:
        """Nobody writes meanwhile; those who want to wait."""
        await self._until(lambda: not self._paused)
        self._paused = True
        try:
            await self._until(lambda: not self._writers)
            yield
        finally:
            self._paused = False
            self._tell()

    def switch(self, store: ChunkStore) -> ChunkStore:
        """From now on calls go to `store`; returns the old one, which is to be released."""
        old, self._store = self._store, store
        return old

    async def release(self, old: ChunkStore) -> None:
        """Close a store that was switched away from, once nobody uses it."""
        await self._until(lambda: not self._users[id(old)])
        del self._users[id(old)]
        await old.close()

    def retire(self, heir: ChunkStore) -> None:
        """Go on reading, and refuse to write: whoever opens the index gets `heir`, which is
        held so that nobody takes away what is read here."""
        self._retired = heir

    async def replace(self, document: Document, chunks: Sequence[EncodedChunk]) -> None:
        """Store a version of a document."""
        async with self._writing() as store:
            await store.replace(document, chunks)

    async def add(self, versions: Sequence[tuple[Document, Sequence[EncodedChunk]]]) -> None:
        """Store documents of which there is no version."""
        async with self._writing() as store:
            await store.add(versions)

    async def stage(self, document: Document, chunks: Sequence[EncodedChunk]) -> None:
        """Store a version that readers do not see yet."""
        async with self._writing() as store:
            await store.stage(document, chunks)

    async def show(self, document: Document) -> None:
        """Switch to a staged version."""
        async with self._writing() as store:
            await store.show(document)

    async def search(self, query: HybridQuery, scope: Scope) -> list[Passage]:
        """Fused candidates, best first."""
        async with self.pinned() as store:
            return await store.search(query, scope)

    async def documents(
        self, scope: Scope, *, limit: int | None = None, offset: int = 0
    ) -> list[Document]:
        """Documents in order of title, then id."""
        async with self.pinned() as store:
            return await store.documents(scope, limit=limit, offset=offset)

    async def register(self, scope: Scope) -> AsyncGenerator[list[Document], None]:
        """All documents of the scope, some at a time."""
        async with self.pinned() as store, aclosing(store.register(scope)) as pages:
            async for page in pages:
                yield page

    async def document(self, document_id: str, scope: Scope) -> Document:
        """One document. Raises NotFoundError."""
        async with self.pinned() as store:
            return await store.document(document_id, scope)

    async def chunks(self, document_id: str, scope: Scope) -> list[Chunk]:
        """All chunks of a document in order. Raises NotFoundError."""
        async with self.pinned() as store:
            return await store.chunks(document_id, scope)

    async def delete(self, document_id: str, scope: Scope) -> None:
        """Remove a document. Raises NotFoundError."""
        async with self._writing() as store:
            await store.delete(document_id, scope)

    async def relocate(self, document_id: str, scope: Scope, sources: Sequence[str]) -> None:
        """Set the places where a document's content is found."""
        async with self._writing() as store:
            await store.relocate(document_id, scope, sources)

    async def optimize(self) -> None:
        """Bring the index into its fastest form."""
        async with self.pinned() as store:
            await store.optimize()

    async def revision(self, scope: Scope) -> str:
        """A token that changes whenever a document in the scope's tenant does."""
        async with self.pinned() as store:
            return await store.revision(scope)

    async def languages(self, scope: Scope) -> Sequence[str]:
        """Languages of the documents in the scope's tenant."""
        async with self.pinned() as store:
            return await store.languages(scope)

    async def info(self) -> IndexInfo:
        """What the index holds and what it was made with."""
        async with self.pinned() as store:
            return await store.info()

    async def everything(
        self, wanted: Callable[[Document], bool] | None = None
    ) -> AsyncGenerator[tuple[Document, list[EncodedChunk]], None]:
        """Documents of all tenants with their chunks."""
        async with self.pinned() as store, aclosing(store.everything(wanted)) as versions:
            async for version in versions:
                yield version

    async def census(self) -> Census:
        """How much there is of each tenant and language."""
        async with self.pinned() as store:
            return await store.census()

    async def close(self) -> None:
        """Let go of the index."""
        await self._store.close()
        if self._retired:
            await self._retired.close()

    @asynccontextmanager
    async def _writing(self) -> AsyncIterator[ChunkStore]:
        await self._until(lambda: not self._paused)
        if self._retired:
            raise TransientError(
                "the index was rebuilt with other settings and takes no changes here",
                hint="restart the service with these settings",
            )
        self._writers += 1
        try:
            async with self.pinned() as store:
                yield store
        finally:
            self._writers -= 1
            self._tell()

    def _tell(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def _until(self, holds: Callable[[], bool]) -> None:
        while not holds():
            await self._changed.wait()


@asynccontextmanager
async def pinned(store: ChunkStore) -> AsyncIterator[ChunkStore]:
    """One and the same store until the end, whatever is switched meanwhile."""
    if isinstance(store, SwitchingStore):
        async with store.pinned() as one:
            yield one
    else:
        yield store
