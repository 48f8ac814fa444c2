"""The books of a run: what is to be done with each file, and what has been done.

Nothing here waits for files, models or cores; the store is asked only to forget.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import structlog

from app.core.errors import PermanentError
from app.core.exchange import Failure, IngestReport
from app.core.ports import ChunkStore
from app.core.types import MEMBER, Document, Scope, parent_of
from ingestion.books import Entry, Key
from ingestion.catalogue import Catalogue, seal
from ingestion.copies import Copies, CopyPolicy
from ingestion.prepare import Prepared, Unexpected
from ingestion.sources import coverage

Progress = Callable[[int, int, str], None]
"""Called with files done, files in all, and the file just finished."""

_IN_ONE_GO = 128  # documents that are entered before others get their turn: some 10 ms

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Content:
    """New content on its way into the store, and the places where it was found so far."""

    key: Key
    sources: list[str]
    document_id: str = ""
    """Decided in advance where others than the writer need it."""


class Ledger:
    """The books of a run for one tenant.

    Args:
        new_id: Makes a document's id out of a name.
        progress: Told after every file.
    """

    def __init__(
        self,
        *,
        store: ChunkStore,
        tenant: str,
        tags: Mapping[str, str],
        new_id: Callable[[str], str],
        copies: CopyPolicy,
        progress: Progress | None,
    ) -> None:
        self._store = store
        self._scope = Scope(tenant)
        self._tags = dict(tags)
        self._new_id = new_id
        self._copies = Copies(copies)
        self._progress = progress
        self._catalogue = Catalogue()
        self._coming: dict[Key, Content] = {}
        self._relocated: set[Entry] = set()
        self._torn: set[str] = set()  # files that have a member which could not be stored
        self._done = self._total = 0
        self.report = IngestReport()

    async def open(self, files: int) -> None:
        """Read the register, and put right what a killed run left.

        Args:
            files: How many the run will look at.
        """
        self._total = files
        async with aclosing(self._store.register(self._scope)) as pages:
            async for documents in pages:
                self._catalogue.note(documents)
        stale: set[Entry] = set()
        for nth, (document_id, signature, touched) in enumerate(self._catalogue.take_over()):
            if not nth % _IN_ONE_GO:
                await asyncio.sleep(0)
            self._copies.remember(document_id, signature)
            stale |= touched
        if not self._copies.unwanted:  # or members are left out on purpose
            for nth, _ in enumerate(self._catalogue.check_members()):
                if not nth % _IN_ONE_GO:
                    await asyncio.sleep(0)
        await self._settle(stale)

    def discard(self) -> None:
        """Let go of the books."""
        self._catalogue.close()
        self._copies.close()

    # New content

    def claim(self, source: str, content_hash: str) -> Content | None:
        """What is to be stored for a file; None when its content is in the index or coming."""
        key = Key.of(source, content_hash, self._tags)
        if entry := self._catalogue.with_key(key):
            if self._catalogue.owner(source) != entry:
                self._relocated |= self._catalogue.share(source, entry)
                self.report.shared += 1
            self.report.unchanged += 1
            self._tell(source)
            return None
        self._relocated |= self._catalogue.outdate(source)
        if coming := self._coming.get(key):
            coming.sources.append(source)
            self.report.shared += 1
            return None
        self._coming[key] = content = Content(key, [source])
        return content

    def wanted(
        self, source: str, content: Content, outcome: Prepared | Failure
    ) -> tuple[Content, Prepared] | None:
        """What is to be stored of what came out of a file, if anything.

        Args:
            source: The file.
            content: What was claimed for it.
            outcome: A member's document, or its own.
        """
        member = outcome.source != source
        if isinstance(outcome, Failure):
            self.fail(outcome) if member else self.drop(content, outcome)
            return None
        wanted = self.claim(outcome.source, outcome.content_hash) if member else content
        if wanted is None:
            return None
        if outcome.content_hash != wanted.key.content_hash:
            self.drop(content, Failure(source, "it changed while it was read", "run again"))
            return None
        return wanted, outcome

    def drop(self, content: Content, failure: Failure) -> None:
        """New content came to nothing, wherever it was found."""
        self._coming.pop(content.key, None)
        for source in content.sources:
            if owner := self._catalogue.owner(source):
                self._catalogue.let_go(owner.document_id)
            self.fail(replace(failure, source=source))
            parent = parent_of(source)
            while parent:
                self._torn.add(parent)
                parent = parent_of(parent)

    def fail(self, failure: Failure) -> None:
        """A file came to nothing."""
        if isinstance(failure, Unexpected):
            log.error("ingest.file_failed", source=failure.source, trace=failure.trace)
        self.report.failures.append(Failure(failure.source, failure.error, failure.hint))
        self._tell(failure.source)

    # Versions

    def reserve(self, content: Content) -> Document:
        """Decide under which id new content is to be stored, if that was not done before.

        From now on nothing counts on what the document held.

        Returns:
            All of the document that does not depend on what is in its file.
        """
        first = content.sources[0]
        if not content.document_id:
            books = self._catalogue
            content.document_id = books.id_for(content.key, content.sources, self._new_id)
            books.hold(content.document_id)
        return Document(
            document_id=content.document_id,
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

    def is_new(self, document: Document) -> bool:
        """Whether the index holds no version of a document."""
        return not self._catalogue.with_id(document.document_id)

    def refuse_torn(self, document: Document) -> None:
        """Raise PermanentError for a file that would stand without one of its members."""
        if not self._torn.isdisjoint(document.sources):
            raise PermanentError("a file inside it could not be stored", hint="run again")

    async def begin(self, content: Content, prepared: Prepared, chunks: int) -> Document | None:
        """The version that is to be stored; None where it is a copy that nobody wants."""
        await self._settle(self._catalogue.make_room(content.sources, prepared.members))
        document = completed(self.reserve(content), prepared, chunks)
        flags = self._copies.flags(document.document_id, prepared.signature)
        if flags and self._copies.unwanted:
            await self._leave_out(content)
            return None
        self._copies.remember(document.document_id, prepared.signature)
        return document.model_copy(update={"flags": [*document.flags, *flags]})

    def undo(self, content: Content, failure: Failure) -> None:
        """The store refused a version that was begun."""
        self._copies.forget(content.document_id)
        self.drop(content, failure)

    async def end(self, content: Content, document: Document) -> None:
        """A version stands in the store."""
        report, updated = self.report, not self.is_new(document)
        self._copies.remember(document.document_id, document.signature)
        del self._coming[content.key]
        entry, touched = self._catalogue.put(
            document.document_id, content.key, content.sources, document.seal
        )
        if self._catalogue.sources_of(entry) != document.sources:  # found elsewhere meanwhile
            self._relocated.add(entry)
        report.updated += updated
        report.added += not updated
        report.unchanged += len(content.sources) - 1
        report.flagged += bool(document.flags)
        report.chunks += document.chunks
        await self._settle(touched)
        for source in content.sources:
            self._tell(source)

    async def _leave_out(self, content: Content) -> None:
        del self._coming[content.key]
        self.report.skipped += len(content.sources)
        for source in content.sources:
            if self._catalogue.owner(source):  # it is no longer what it was
                await self._settle(self._catalogue.release(source))
            self._tell(source)

    # The end

    async def mirror(
        self, paths: Sequence[str | Path], present: Iterable[str], *, most: float
    ) -> None:
        """Remove documents that were under `paths` and are no longer.

        Args:
            present: The files that are there.
            most: Share of the documents that may go; when more would, none do.
        """
        await self._settle([*self._relocated])
        gone = await self._gone(paths, {*present})
        books = self._catalogue
        lost = sum(gone.issuperset(books.sources_of(entry)) for entry in books.entries())
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
            if self._catalogue.owner(source):
                await self._settle(self._catalogue.release(source))

    async def close(self) -> None:
        """Write down where documents are found now."""
        await self._settle([*self._relocated])
        for entry in self._relocated:
            sources = self._catalogue.sources_of(entry)
            await self._store.relocate(entry.document_id, self._scope, sources)

    async def _gone(self, paths: Sequence[str | Path], present: set[str]) -> set[str]:
        """Places under `paths` that could be looked into and hold nothing any more."""
        covered = coverage(paths)
        failed = [failure.source for failure in self.report.failures]
        unread = coverage(await asyncio.to_thread(lambda: [*filter(os.path.lexists, failed)]))
        return {
            source
            for source in self._catalogue.sources()
            if (file := source.partition(MEMBER)[0]) not in present
            and covered(file)
            and not unread(file)
        }

    async def _settle(self, entries: Iterable[Entry]) -> None:
        """Delete documents that are nowhere any more; the others have moved."""
        for entry in entries:
            if self._catalogue.is_placed(entry):
                self._relocated.add(entry)
                continue
            self._relocated.discard(entry)
            if self._catalogue.forget(entry):
                self._copies.forget(entry.document_id)
                await self._store.delete(entry.document_id, self._scope)
                self.report.deleted += 1

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
        "language": prepared.language or "",
        "pages": prepared.pages,
        "flags": list(prepared.flags),
        "chunks": chunks,
        "signature": prepared.signature,
        "seal": seal(prepared.source, prepared.members),
    }
    return draft.model_copy(update=found)
