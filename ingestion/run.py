"""One run of the pipeline: the way of each file into the store.

Three stages work at once: worker processes read files, the encoder turns windows of chunks
from many documents into vectors, and one writer brings documents into the store. Between
them wait a few thousand chunks at most, so memory does not grow with the number of files,
and the encoder never waits for a parser or a disk.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from itertools import islice
from typing import Protocol

from app.core.errors import ConfigError, TransientError
from app.core.exchange import Failure, IngestReport
from app.core.ports import ChunkStore
from app.core.types import Document, EncodedChunk
from ingestion.buffer import Buffer
from ingestion.context import Contexts
from ingestion.describe import described
from ingestion.encode import Encoder
from ingestion.ledger import Content, Ledger
from ingestion.prepare import Prepared, Source, explain
from ingestion.sources import hashes

_WAITING = 2048  # chunks that wait for the encoder, or for the writer
WINDOW = 512
"""Chunks that are encoded together."""
_WRITTEN = 256  # chunks that are written together
_HASHED = 64  # files that are hashed in one go
_PATIENCE = 3  # times in a row that the store may refuse for now before the run gives up


class Parsers(Protocol):
    """What reads files: worker processes, see `ingestion.isolation.ParserPool`."""

    @property
    def size(self) -> int:
        """How many files are read at once."""

    def documents(self, source: Source) -> AsyncGenerator[Prepared | Failure, None]:
        """The documents of a file as they get ready; its members first, itself last."""


@dataclass(frozen=True, slots=True)
class Staged:
    """So many chunks of a document are in the store already and wait to be shown."""

    count: int

    def __len__(self) -> int:
        return self.count


Chunks = list[EncodedChunk] | Staged
_Ready = tuple[Content, Prepared]
_Finished = tuple[Content, Prepared, Chunks]
_Version = tuple[Content, Document, Chunks]


class Run:
    """Brings files into the store.

    Args:
        ledger: The books, which know the tenant.
        contexts: Puts a model's words in front of each chunk, if any do.
    """

    def __init__(
        self,
        *,
        store: ChunkStore,
        encoder: Encoder,
        parsers: Parsers,
        ledger: Ledger,
        contexts: Contexts | None = None,
    ) -> None:
        self._store = store
        self._encoder = encoder
        self._parsers = parsers
        self._ledger = ledger
        self._contexts = contexts
        self._prepared: Buffer[_Ready] = Buffer(_WAITING)
        self._encoded: Buffer[_Finished] = Buffer(_WAITING)
        self._refused = 0

    @property
    def report(self) -> IngestReport:
        """What was done so far."""
        return self._ledger.report

    async def ingest(self, sources: Iterable[Source], *, count: int) -> None:
        """Bring so many files in; those that fail are in the report.

        Raises TransientError when the store is out of reach, and what a cluster raises.
        """
        await self._ledger.open(count)
        try:
            async with asyncio.TaskGroup() as stages:
                stages.create_task(self._read(sources))
                stages.create_task(self._encode())
                stages.create_task(self._write())
        except* (ConfigError, TransientError) as lost:
            raise lost.exceptions[0] from None

    # Reading

    async def _read(self, sources: Iterable[Source]) -> None:
        todo: Buffer[tuple[Source, Content]] = Buffer(2 * _HASHED)
        async with asyncio.TaskGroup() as readers:
            for _ in range(self._parsers.size):
                readers.create_task(self._prepare_each(todo))
            async with aclosing(self._claims(sources)) as claims:
                async for work in claims:
                    await todo.put(work, 1)
            await todo.close()
        await self._prepared.close()

    async def _claims(
        self, sources: Iterable[Source]
    ) -> AsyncGenerator[tuple[Source, Content], None]:
        """The files that are to be read: their content is neither in the index nor coming."""
        remaining = iter(sources)
        while some := list(islice(remaining, _HASHED)):
            found = await asyncio.to_thread(hashes, [source.path for source in some])
            for source, digest in zip(some, found, strict=True):
                if isinstance(digest, Exception):
                    self._ledger.fail(explain(source.name, digest))
                elif content := self._ledger.claim(source.name, digest):
                    yield source, content

    async def _prepare_each(self, todo: Buffer[tuple[Source, Content]]) -> None:
        while work := await todo.take(1):
            ((source, content),) = work
            async with aclosing(self._parsers.documents(source)) as outcomes:
                async for outcome in outcomes:
                    if wanted := self._ledger.wanted(source.name, content, outcome):
                        await self._prepare(*wanted)

    async def _prepare(self, content: Content, prepared: Prepared) -> None:
        try:
            ready = await described(prepared)
            if self._contexts:
                ready = await self._contexts.add(ready)
        except Exception as error:
            self._ledger.drop(content, explain(prepared.source, error))
        else:
            await self._prepared.put((content, ready), len(ready.texts))

    # Encoding

    async def _encode(self) -> None:
        # One window after the other: a file must come after its members, see `_bring_in`.
        while window := await self._prepared.take(WINDOW):
            encoded, computed = await self._encoder.encode_each([ready for _, ready in window])
            self.report.embedded += computed
            for (content, prepared), chunks in zip(window, encoded, strict=True):
                if isinstance(chunks, Failure):
                    self._ledger.drop(content, chunks)
                else:
                    read = replace(prepared, chunks=(), texts=())
                    await self._encoded.put((content, read, chunks), len(chunks))
        await self._encoded.close()

    # Writing

    async def _write(self) -> None:
        while finished := await self._encoded.take(_WRITTEN):
            versions: list[_Version] = []
            for content, prepared, chunks in finished:
                if document := await self._ledger.begin(content, prepared, len(chunks)):
                    versions.append((content, document, chunks))
            await self._store_all(versions)

    async def _store_all(self, versions: list[_Version]) -> None:
        """In one go where the store can; one that it refuses costs nothing but itself."""
        try:
            await self._bring_in(versions)
        except Exception as error:
            if len(versions) > 1:
                for version in versions:
                    await self._store_all([version])
                return
            self._refused = self._refused + 1 if isinstance(error, TransientError) else 0
            if self._refused >= _PATIENCE:
                raise
            ((content, document, _),) = versions
            self._ledger.undo(content, explain(document.source, error))
        else:
            self._refused = 0
            for content, document, _ in versions:
                await self._ledger.end(content, document)

    async def _bring_in(self, versions: list[_Version]) -> None:
        """In order, a file after its members, so that it is never found without them."""
        new: list[tuple[Document, Sequence[EncodedChunk]]] = []
        for _, document, chunks in versions:
            self._ledger.refuse_torn(document)
            if not isinstance(chunks, Staged) and self._ledger.is_new(document):
                new.append((document, chunks))
                continue
            if new:
                await self._store.add(new)
                new = []
            if isinstance(chunks, Staged):
                await self._store.show(document)
            else:
                await self._store.replace(document, chunks)
        if new:
            await self._store.add(new)
