"""One run of the pipeline: what is to be done with each file, and its way into the store.

Three stages work at once: worker processes read files, the encoder turns windows of chunks
from many documents into vectors, and one writer brings documents into the store. Between
them wait a few thousand chunks at most, so memory does not grow with the number of files,
and the encoder never waits for a parser or a disk.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import structlog

from app.core.errors import ConfigError, TransientError
from app.core.exchange import Failure, IngestReport
from app.core.ports import ChunkStore
from app.core.types import MEMBER, Document, EncodedChunk, Scope, parent_of
from ingestion.buffer import Buffer
from ingestion.catalogue import Catalogue, Entry, Key
from ingestion.encode import Encoder
from ingestion.language import detect
from ingestion.prepare import Prepared, Source, Unexpected, explain
from ingestion.sources import coverage, hashes

Progress = Callable[[int, int, str], None]
"""Called with files done, files in all, and the file just finished."""

_WAITING = 2048  # chunks that wait for the encoder, or for the writer
WINDOW = 512
"""Chunks that are encoded together."""
_HASHED = 64  # files that are hashed in one go
_CHUNKS_READ = 30  # of a document, to tell its language
_PATIENCE = 3  # documents in a row that the store may refuse for now before the run gives up

log = structlog.get_logger(__name__)


class Parsers(Protocol):
    """What reads files: worker processes, see `ingestion.isolation.ParserPool`."""

    @property
    def size(self) -> int:
        """How many files are read at once."""

    def documents(self, source: Source) -> AsyncGenerator[Prepared | Failure, None]:
        """The documents of a file as they get ready; its members first, itself last."""


@dataclass(slots=True)
class _Content:
    """New content on its way into the store, and the places where it was found so far."""

    key: Key
    sources: list[str]
    document_id: str = ""
    """Decided in advance where others than the writer need it."""


@dataclass(frozen=True, slots=True)
class Staged:
    """So many chunks of a document are in the store already and wait to be shown."""

    count: int

    def __len__(self) -> int:
        return self.count


_Chunks = list[EncodedChunk] | Staged
_Ready = tuple[_Content, Prepared]
_Finished = tuple[_Content, Prepared, _Chunks]


class Run:
    """Brings files into the store of one tenant.

    Args:
        new_id: Makes a document's id out of a name.
        progress: Told after every file.
    """

    def __init__(
        self,
        *,
        store: ChunkStore,
        encoder: Encoder,
        parsers: Parsers,
        tenant: str,
        tags: Mapping[str, str],
        new_id: Callable[[str], str],
        progress: Progress | None,
    ) -> None:
        self._store = store
        self._encoder = encoder
        self._parsers = parsers
        self._scope = Scope(tenant)
        self._tags = dict(tags)
        self._new_id = new_id
        self._progress = progress
        self._catalogue = Catalogue(())
        self._coming: dict[Key, _Content] = {}
        self._prepared: Buffer[_Ready] = Buffer(_WAITING)
        self._encoded: Buffer[_Finished] = Buffer(_WAITING)
        self._relocated: set[Entry] = set()
        self._done = self._total = self._refused = 0
        self.report = IngestReport()

    async def ingest(self, sources: Sequence[Source]) -> None:
        """Bring files in; those that fail are in the report.

        Raises TransientError when the store is out of reach, and what a cluster raises.
        """
        self._catalogue = Catalogue(await self._store.documents(self._scope))
        self._total = len(sources)
        await self._settle(self._catalogue.stale)
        try:
            async with asyncio.TaskGroup() as stages:
                stages.create_task(self._encode())
                stages.create_task(self._write())
                await self._read(sources)
        except* (ConfigError, TransientError) as lost:
            raise lost.exceptions[0] from None

    async def mirror(
        self, paths: Sequence[str | Path], present: Iterable[str], *, most: float
    ) -> None:
        """Remove documents that were under `paths` and are no longer.

        Args:
            present: The files that are there.
            most: Share of the documents that may go; when more would, none do.
        """
        there = {*present}
        covered = coverage(paths)
        failed = [failure.source for failure in self.report.failures]
        unread = coverage(await asyncio.to_thread(lambda: [*filter(os.path.lexists, failed)]))
        gone = {
            source
            for source in self._catalogue.sources()
            if (file := source.partition(MEMBER)[0]) not in there
            and covered(file)
            and not unread(file)
        }
        await self._settle([*self._relocated])
        lost = sum(gone.issuperset(entry.sources) for entry in self._catalogue.entries())
        if lost > most * len(self._catalogue):
            self.report.failures.append(
                Failure(
                    ", ".join(map(str, paths)),
                    f"--sync would remove {lost} of {len(self._catalogue)} documents",
                    "check the paths; if it is meant, add --yes",
                )
            )
            return
        for source in sorted(gone):
            if self._catalogue.owns(source):
                await self._settle(self._catalogue.release(source))

    async def finish(self) -> None:
        """Write down where documents are found now, and bring the index into its best form."""
        await self._settle([*self._relocated])
        for entry in self._relocated:
            await self._store.relocate(entry.document_id, self._scope, entry.sources)
        report = self.report
        if report.added or report.updated or report.deleted:
            await self._store.optimize()

    # Reading

    async def _read(self, sources: Sequence[Source]) -> None:
        todo: Buffer[tuple[Source, _Content]] = Buffer(2 * _HASHED)
        async with asyncio.TaskGroup() as readers:
            for _ in range(self._parsers.size):
                readers.create_task(self._prepare_each(todo))
            async with aclosing(self._claims(sources)) as claims:
                async for work in claims:
                    await todo.put(work, 1)
            await todo.close()
        await self._prepared.close()

    async def _claims(
        self, sources: Sequence[Source]
    ) -> AsyncGenerator[tuple[Source, _Content], None]:
        """The files that are to be read: their content is neither in the index nor coming."""
        for first in range(0, len(sources), _HASHED):
            some = sources[first : first + _HASHED]
            found = await asyncio.to_thread(hashes, [source.path for source in some])
            for source, digest in zip(some, found, strict=True):
                if isinstance(digest, Exception):
                    self._fail(explain(source.name, digest))
                    self._tell(source.name)
                elif content := self._claim(source.name, digest):
                    yield source, content

    def _claim(self, source: str, content_hash: str) -> _Content | None:
        """What is to be stored for a file; None when its content is in the index or coming."""
        key = Key.of(source, content_hash, self._tags)
        if entry := self._catalogue.with_key(key):
            if source not in entry.sources:
                self._relocated |= self._catalogue.share(source, entry)
                self.report.shared += 1
            self.report.unchanged += 1
            self._tell(source)
            return None
        if coming := self._coming.get(key):
            coming.sources.append(source)
            self.report.shared += 1
            return None
        self._coming[key] = content = _Content(key, [source])
        return content

    async def _prepare_each(self, todo: Buffer[tuple[Source, _Content]]) -> None:
        while work := await todo.take(1):
            ((source, content),) = work
            async with aclosing(self._parsers.documents(source)) as outcomes:
                async for outcome in outcomes:
                    await self._prepare(source, content, outcome)

    async def _prepare(
        self, source: Source, content: _Content, outcome: Prepared | Failure
    ) -> None:
        if wanted := self._wanted(source, content, outcome):
            content, prepared = wanted
            ready = await asyncio.to_thread(with_language, prepared)
            await self._prepared.put((content, ready), len(ready.texts))

    def _wanted(
        self, source: Source, content: _Content, outcome: Prepared | Failure
    ) -> _Ready | None:
        """What is to be stored of what came out of a file, if anything."""
        member = outcome.source != source.name
        if isinstance(outcome, Failure):
            self._fail(outcome) if member else self._drop(content, outcome)
            return None
        wanted = self._claim(outcome.source, outcome.content_hash) if member else content
        if wanted is None:
            return None
        if outcome.content_hash != wanted.key.content_hash:
            self._drop(content, Failure(source.name, "it changed while it was read", "run again"))
            return None
        return wanted, outcome

    # Encoding

    async def _encode(self) -> None:
        while window := await self._prepared.take(WINDOW):
            encoded, computed = await self._encoder.encode_each([ready for _, ready in window])
            self.report.embedded += computed
            for (content, prepared), chunks in zip(window, encoded, strict=True):
                if isinstance(chunks, Failure):
                    self._drop(content, chunks)
                else:
                    await self._encoded.put((content, prepared, chunks), len(chunks))
        await self._encoded.close()

    # Writing

    async def _write(self) -> None:
        while finished := await self._encoded.take(1):
            for content, prepared, chunks in finished:
                await self._store_or_drop(content, prepared, chunks)

    async def _store_or_drop(self, content: _Content, prepared: Prepared, chunks: _Chunks) -> None:
        try:
            await self._store_version(content, prepared, chunks)
        except Exception as error:
            self._refused = self._refused + 1 if isinstance(error, TransientError) else 0
            if self._refused >= _PATIENCE:
                raise
            self._drop(content, explain(prepared.source, error))
        else:
            self._refused = 0
            for source in content.sources:
                self._tell(source)

    async def _store_version(self, content: _Content, prepared: Prepared, chunks: _Chunks) -> None:
        # A file's members that are no more go first: once its own new version stands,
        # nothing would tell the next run of them.
        for member in self._catalogue.members(prepared.source) - {*prepared.members}:
            if self._catalogue.owns(member):
                await self._settle(self._catalogue.release(member))
        document = self._document(content, prepared, len(chunks))
        with self._catalogue.replacing(document.document_id) as updated:
            if isinstance(chunks, Staged):
                await self._store.show(document)
            else:
                await self._store.replace(document, chunks)
        entry = Entry(document.document_id, content.key)
        del self._coming[content.key]
        touched = self._catalogue.put(entry, content.sources)
        if content.sources != document.sources:  # found at another place meanwhile
            self._relocated.add(entry)
        self.report.updated += updated
        self.report.added += not updated
        self.report.unchanged += len(content.sources) - 1
        self.report.flagged += bool(document.flags)
        self.report.chunks += len(chunks)
        await self._settle(touched)

    def _document(self, content: _Content, prepared: Prepared, chunks: int) -> Document:
        return completed(self._draft(content), prepared, chunks)

    def _draft(self, content: _Content) -> Document:
        """All of a document that does not depend on what is in its file."""
        first = content.sources[0]
        return Document(
            document_id=content.document_id or self._id_for(content),
            title="",
            source=first,
            sources=list(content.sources),
            parent=parent_of(first),
            content_hash=content.key.content_hash,
            chunks=0,
            pages=0,
            tenant=self._scope.tenant,
            tags=self._tags,
            ingested_at=datetime.now(UTC).isoformat(),
        )

    def _id_for(self, content: _Content) -> str:
        return self._catalogue.id_for(content.key, content.sources, self._new_id)

    # Bookkeeping

    async def _settle(self, entries: Iterable[Entry]) -> None:
        """Delete documents that are nowhere any more; the others have moved."""
        for entry in entries:
            if entry.sources:
                self._relocated.add(entry)
            else:
                self._relocated.discard(entry)
                self._catalogue.forget(entry)
                await self._store.delete(entry.document_id, self._scope)
                self.report.deleted += 1

    def _drop(self, content: _Content, failure: Failure) -> None:
        """New content that came to nothing, wherever it was found."""
        self._coming.pop(content.key, None)
        for source in content.sources:
            self._fail(replace(failure, source=source))
            self._tell(source)

    def _fail(self, failure: Failure) -> None:
        if isinstance(failure, Unexpected):
            log.error("ingest.file_failed", source=failure.source, trace=failure.trace)
        self.report.failures.append(Failure(failure.source, failure.error, failure.hint))

    def _tell(self, source: str) -> None:
        """One more file is done; members are part of theirs."""
        if MEMBER in source:
            return
        self._done += 1
        if self._progress:
            self._progress(self._done, self._total, Path(source).name)


def completed(draft: Document, prepared: Prepared, chunks: int) -> Document:
    """A document with what was found in its file."""
    found = {
        "title": prepared.title,
        "language": prepared.language,
        "pages": prepared.pages,
        "flags": list(prepared.flags),
        "chunks": chunks,
    }
    return draft.model_copy(update=found)


def with_language(prepared: Prepared) -> Prepared:
    """A document that says its language, if that can be told.

    Not told by the worker processes: each would hold a classifier of 90 MB.
    """
    if prepared.language:
        return prepared
    text = "".join(chunk.text for chunk in prepared.chunks[:_CHUNKS_READ])
    return replace(prepared, language=detect(text))
