"""What an operator does with an index as a whole: look at it, rebuild, export, import it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from app.adapters.mismatch import refuse_mismatch
from app.adapters.switching import SwitchingStore
from app.core.errors import InputError, PermanentError
from app.core.exchange import IndexReport, RebuildReport, TransferReport
from app.core.ports import ChunkStore, DenseEncoder, Generations, SparseEncoder
from app.core.types import Counts
from ingestion.chunk import Chunker
from ingestion.context import Contexts
from ingestion.encode import Encoder
from ingestion.index_file import IndexReader
from ingestion.ledger import Progress
from ingestion.rebuild import Rebuild
from ingestion.renew import Changes, Renewer
from ingestion.run import Parsers
from ingestion.transfer import read_index, write_index


@dataclass(frozen=True, slots=True)
class Index:
    """The index of the settings, and what a new generation of it is made with.

    It crosses tenants: the command line and operators' jobs use it, no tenant's request does.
    While a running service holds an embedded index, all but a rebuild in its own process
    raises LockedError.
    """

    generations: Generations
    dense: DenseEncoder
    sparse: SparseEncoder
    encoder: Encoder
    chunker: Chunker
    parsers: Callable[[int], AbstractAsyncContextManager[Parsers]]
    kind: Callable[[str], str]
    contexts: Contexts | None = None

    async def info(self) -> IndexReport:
        """What the index holds, what it was made with, and what differs from the settings.

        Raises NotFoundError when there is none.
        """
        store = await self.generations.as_made()
        try:
            found, census = await store.info(), await store.census()
            size = await self.generations.size()
        finally:
            await store.close()
        made, ours = found.fingerprint, self.generations.fingerprint
        return IndexReport(
            location=found.location,
            documents=census.total.documents,
            chunks=census.total.chunks,
            size_bytes=size,
            fingerprint=dict(made),
            differs=sorted(key for key in {*made, *ours} if made.get(key) != ours.get(key)),
            tenants=dict(census.tenants),
            languages=dict(census.languages),
        )

    async def rebuild(
        self, progress: Progress | None = None, live: SwitchingStore | None = None
    ) -> RebuildReport:
        """Make a new generation out of the one in use, compare the two, and put it to use.

        Until then, and if this is killed or fails, the old one answers.

        Args:
            live: The store of a running service in this process. If the new generation is
                made as its own was, it goes over to it between two reads; else it goes on
                reading from the old one, and takes no changes until it is restarted.

        Raises:
            NotFoundError: There is no index.
            LockedError: Another process holds it.
            PermanentError: The new index does not find what it should.
        """
        started = time.perf_counter()
        if live and live.is_retired:
            raise PermanentError(
                "the index was rebuilt with other settings already",
                hint="restart the service with these settings",
            )
        report = RebuildReport()
        old: ChunkStore = live or await self.generations.as_made()
        try:
            async with self._begun() as begun:
                await self._fill(begun, old, report, progress, live)
                if report.in_use:
                    await (live.release(begun.replaced) if live else old.close())
                    await self.generations.sweep()
        finally:
            if not live:
                await old.close()
        report.seconds = round(time.perf_counter() - started, 3)
        return report

    async def write(self, file: Path, progress: Progress | None = None) -> TransferReport:
        """Export the index as it was made, whatever the settings say.

        Raises NotFoundError when there is none, and InputError where `file` cannot be written.
        """
        started = time.perf_counter()
        store = await self.generations.as_made()
        try:
            return _report(await write_index(store, file, progress), started)
        finally:
            await store.close()

    async def read(
        self, file: Path, *, merge: bool = False, progress: Progress | None = None
    ) -> TransferReport:
        """Import an exported index; a file that is not whole changes nothing.

        Args:
            merge: Put its documents among those that are there, each in place of the one that
                has its id; a run that was killed is made good by another. Else the index must
                be empty, and gets all of the file or nothing.

        Raises:
            ConfigError: The file was made with another model, chunker or parser.
            InputError: The index is not empty, or the file is not an exported index.
            PermanentError: The file is damaged.
        """
        started = time.perf_counter()
        reader = IndexReader(file)
        made = await asyncio.to_thread(reader.fingerprint)
        refuse_mismatch(made, self.generations.fingerprint, what=str(file))
        counts = await asyncio.to_thread(reader.check)
        store = await self.generations.current()
        try:
            if merge:
                await read_index(reader, store, counts.documents, progress)
                await store.optimize()
            elif (await store.info()).documents:
                raise InputError(
                    "the index is not empty",
                    hint="with --merge, these documents join those that are there",
                )
            else:
                await self._import(reader, counts, store, progress)
        finally:
            await store.close()
        return _report(counts, started)

    async def _fill(
        self,
        begun: _Begun,
        old: ChunkStore,
        report: RebuildReport,
        progress: Progress | None,
        live: SwitchingStore | None,
    ) -> None:
        made, new = (await old.info()).fingerprint, begun.store
        changes = Changes.between(made, self.generations.fingerprint)
        async with self.parsers(0) as parsers:
            renewer = Renewer(
                changes,
                chunker=self.chunker,
                sparse=self.sparse,
                encoder=self.encoder,
                parsers=parsers,
                kind=self.kind,
                contexts=self.contexts,
                report=report,
            )
            work = Rebuild(old, new, renewer=renewer, report=report, progress=progress)
            await work.settle()
            await new.optimize()
            await work.verify(self.dense, self.sparse, changes)
            async with live.writes_paused() if live else nullcontext():
                if await work.fill():
                    await new.optimize()
                report.in_use = not live or dict(made) == dict(self.generations.fingerprint)
                await begun.adopt(live, follow=report.in_use)

    async def _import(
        self, reader: IndexReader, counts: Counts, empty: ChunkStore, progress: Progress | None
    ) -> None:
        async with self._begun() as begun:
            await read_index(reader, begun.store, counts.documents, progress)
            await begun.store.optimize()
            if (await begun.store.census()).total != counts:
                raise PermanentError("the index does not hold what the file does", hint="try again")
            await begun.adopt()
            await empty.close()
            await self.generations.sweep()

    @asynccontextmanager
    async def _begun(self) -> AsyncIterator[_Begun]:
        """A new generation; unless it is adopted, nothing is left of it."""
        await self.generations.sweep()
        begun = _Begun(self.generations, await self.generations.begin())
        try:
            yield begun
        finally:
            if not begun.handed_over:
                await begun.store.close()
            if not begun.adopted:
                await self.generations.sweep()


class _Begun:
    """A generation in the making."""

    def __init__(self, generations: Generations, store: ChunkStore) -> None:
        self._generations = generations
        self.store = store
        self.replaced = store
        self.adopted = self.handed_over = False

    async def adopt(self, live: SwitchingStore | None = None, *, follow: bool = True) -> None:
        """Put it to use, wholly or not at all: who is cancelled meanwhile waits for it."""
        task = asyncio.create_task(self._adopt(live, follow))
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            await task
            raise

    async def _adopt(self, live: SwitchingStore | None, follow: bool) -> None:
        await self._generations.adopt()
        self.adopted = True
        if live and follow:
            self.replaced = live.switch(self.store)
        elif live:
            live.retire(self.store)
        self.handed_over = live is not None


def _report(counts: Counts, started: float) -> TransferReport:
    seconds = round(time.perf_counter() - started, 3)
    return TransferReport(counts.documents, counts.chunks, seconds)
