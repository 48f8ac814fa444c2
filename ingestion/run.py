"""One run of the pipeline: what is to be done with each file, and its way into the store.

Three stages work at once: worker processes read files, the encoder turns windows of chunks
from many documents into vectors, and one writer brings documents into the store. Between
them wait a few thousand chunks at most, so memory does not grow with the number of files,
and the encoder never waits for a parser or a disk.
"""

from __future__ import annotations

import asyncio
import os
from base64 import b64decode, b64encode
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import structlog

from app.core.errors import TransientError
from app.core.exchange import Failure, IngestReport
from app.core.ports import ChunkStore
from app.core.types import MEMBER, Document, EncodedChunk, Scope, parent_of
from ingestion.buffer import Buffer
from ingestion.catalogue import Catalogue, Entry, Key
from ingestion.context import Contexts
from ingestion.describe import described
from ingestion.encode import Encoder
from ingestion.near import NearDuplicates
from ingestion.prepare import Prepared, Source, Unexpected, explain
from ingestion.sources import coverage, hashes

Progress = Callable[[int, int, str], None]
"""Called with files done, files in all, and the file just finished."""

_WAITING = 2048  # chunks that wait for the encoder, or for the writer
_WINDOW = 512  # chunks that are encoded together
_HASHED = 64  # files that are hashed in one go
_PATIENCE = 3  # documents in a row that the store may refuse for now before the run gives up

NEAR_DUPLICATE = "near-duplicate:"
"""How the flag of a document that is nearly the same as another begins; its id follows."""

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


_Ready = tuple[_Content, Prepared]
_Finished = tuple[_Content, Prepared, list[EncodedChunk]]


@dataclass(frozen=True, slots=True)
class NearPolicy:
    """What becomes of a document that is nearly the same as another: see the settings."""

    do: str = "flag"
    threshold: float = 0.9


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
        contexts: Contexts | None = None,
        near: NearPolicy = NearPolicy(),
    ) -> None:
        self._contexts = contexts
        self._near_policy = near
        self._near = NearDuplicates(near.threshold)
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

        Raises TransientError when the store is out of reach.
        """
        await self._load()
        self._total = len(sources)
        await self._settle(self._catalogue.stale)
        try:
            async with asyncio.TaskGroup() as stages:
                stages.create_task(self._encode())
                stages.create_task(self._write())
                await self._read(sources)
        except* TransientError as lost:
            raise lost.exceptions[0] from None

    async def _load(self) -> None:
        documents = await self._store.documents(self._scope)
        self._catalogue = Catalogue(documents)
        if self._near_policy.do != "ignore":
            for document in documents:
                self._near.add(document.document_id, b64decode(document.signature))

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
            for first in range(0, len(sources), _HASHED):
                some = sources[first : first + _HASHED]
                found = await asyncio.to_thread(hashes, [source.path for source in some])
                for source, digest in zip(some, found, strict=True):
                    if isinstance(digest, Exception):
                        self._fail(explain(source.name, digest))
                        self._tell(source.name)
                    elif content := self._claim(source.name, digest):
                        await todo.put((source, content), 1)
            await todo.close()
        await self._prepared.close()

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
        member = outcome.source != source.name
        if isinstance(outcome, Failure):
            self._fail(outcome) if member else self._drop(content, outcome)
            return
        wanted = self._claim(outcome.source, outcome.content_hash) if member else content
        if wanted is None:
            return
        if outcome.content_hash != wanted.key.content_hash:
            self._drop(content, Failure(source.name, "it changed while it was read", "run again"))
            return
        ready = await asyncio.to_thread(described, outcome)
        if self._contexts:
            try:
                ready = await self._contexts.add(ready)
            except Exception as error:
                self._drop(wanted, explain(outcome.source, error))
                return
        await self._prepared.put((wanted, ready), len(ready.texts))

    # Encoding

    async def _encode(self) -> None:
        while window := await self._prepared.take(_WINDOW):
            for finished in await self._encode_window(window):
                await self._encoded.put(finished, len(finished[-1]))
        await self._encoded.close()

    async def _encode_window(self, window: list[_Ready]) -> list[_Finished]:
        """What could be encoded; a document that cannot costs nothing but itself."""
        try:
            encoded, computed = await self._encoder.encode([prepared for _, prepared in window])
        except Exception as error:
            if len(window) > 1:
                return [done for one in window for done in await self._encode_window([one])]
            ((content, prepared),) = window
            self._drop(content, explain(prepared.source, error))
            return []
        self.report.embedded += computed
        return [(*ready, chunks) for ready, chunks in zip(window, encoded, strict=True)]

    # Writing

    async def _write(self) -> None:
        while finished := await self._encoded.take(1):
            for content, prepared, chunks in finished:
                await self._store_or_drop(content, prepared, chunks)

    async def _store_or_drop(
        self, content: _Content, prepared: Prepared, chunks: list[EncodedChunk]
    ) -> None:
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

    async def _store_version(
        self, content: _Content, prepared: Prepared, chunks: list[EncodedChunk]
    ) -> None:
        # A file's members that are no more go first: once its own new version stands,
        # nothing would tell the next run of them.
        for member in self._catalogue.members(prepared.source) - {*prepared.members}:
            if self._catalogue.owns(member):
                await self._settle(self._catalogue.release(member))
        document = self._document(content, prepared)
        copy = any(flag.startswith(NEAR_DUPLICATE) for flag in document.flags)
        if copy and self._near_policy.do == "skip":
            del self._coming[content.key]
            self.report.skipped += len(content.sources)
            for source in filter(self._catalogue.owns, content.sources):
                await self._settle(self._catalogue.release(source))  # it is no longer what it was
            return
        with self._catalogue.replacing(document.document_id) as updated:
            await self._store.replace(document, chunks)
        entry = Entry(document.document_id, content.key)
        del self._coming[content.key]
        touched = self._catalogue.put(entry, content.sources)
        if self._near_policy.do != "ignore":
            self._near.add(document.document_id, prepared.signature)
        if content.sources != document.sources:  # found at another place meanwhile
            self._relocated.add(entry)
        self.report.updated += updated
        self.report.added += not updated
        self.report.unchanged += len(content.sources) - 1
        self.report.flagged += bool(document.flags)
        self.report.chunks += len(chunks)
        await self._settle(touched)

    def _document(self, content: _Content, prepared: Prepared) -> Document:
        first = content.sources[0]
        document_id = self._catalogue.id_for(content.key, content.sources, self._new_id)
        alike = [key for key, _ in self._near.find(prepared.signature) if key != document_id]
        return Document(
            document_id=document_id,
            title=prepared.title,
            source=first,
            sources=list(content.sources),
            parent=parent_of(first),
            language=prepared.language,
            content_hash=prepared.content_hash,
            chunks=len(prepared.chunks),
            pages=prepared.pages,
            tenant=self._scope.tenant,
            tags=self._tags,
            flags=[*prepared.flags, *(f"{NEAR_DUPLICATE}{key}" for key in alike[:1])],
            signature=b64encode(prepared.signature).decode(),
            ingested_at=datetime.now(UTC).isoformat(),
        )

    # Bookkeeping

    async def _settle(self, entries: Iterable[Entry]) -> None:
        """Delete documents that are nowhere any more; the others have moved."""
        for entry in entries:
            if entry.sources:
                self._relocated.add(entry)
            else:
                self._relocated.discard(entry)
                self._catalogue.forget(entry)
                self._near.remove(entry.document_id)
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
