"""Files in, searchable documents out: source → parse → chunk → encode → store."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path

from app.core.exchange import IngestReport
from app.core.ports import ChunkStore, DenseEncoder, SparseEncoder, VectorCache
from ingestion.encode import Encoder
from ingestion.prepare import Source
from ingestion.run import Parsers, Progress, Run
from ingestion.sources import find_files

_MOST_REMOVED = 0.5  # share of a tenant's documents


class Ingestor:
    """Brings documents into the store. One run at a time per index.

    Args:
        parsers: Makes the worker processes of a run, given their number; 0 for the default.
        document_id: Makes a document's id out of its tenant and name.
        cache: Remembers vectors.
    """

    def __init__(
        self,
        *,
        store: ChunkStore,
        dense: DenseEncoder,
        sparse: SparseEncoder,
        parsers: Callable[[int], AbstractAsyncContextManager[Parsers]],
        document_id: Callable[[str, str], str],
        cache: VectorCache | None = None,
    ) -> None:
        self._store = store
        self._encoder = Encoder(dense, sparse, cache)
        self._parsers = parsers
        self._document_id = document_id
        self._turn = asyncio.Lock()

    def paused(self) -> AbstractAsyncContextManager[None]:
        """Nothing is ingested meanwhile; waits for the run in progress."""
        return self._turn

    async def run(
        self,
        paths: Sequence[str | Path],
        *,
        tenant: str,
        tags: Mapping[str, str],
        sync: bool = False,
        yes: bool = False,
        workers: int = 0,
        uploads: Sequence[Source] = (),
        progress: Progress | None = None,
    ) -> IngestReport:
        """Ingest files; a file that fails is reported and does not stop the others.

        Args:
            paths: Files, folders and globs.
            tenant: Whose documents they become.
            tags: Set on every document.
            sync: Also delete this tenant's documents under `paths` whose file is gone.
            yes: Let `sync` delete more than half of the tenant's documents.
            workers: Processes that read files; 0 for the setting.
            uploads: Files that are to have another name than their path.
            progress: Told after every file.

        Raises:
            TransientError: The store is out of reach.
        """
        started = time.perf_counter()
        async with self._turn, self._parsers(workers) as parsers:
            run = Run(
                store=self._store,
                encoder=self._encoder,
                parsers=parsers,
                tenant=tenant,
                tags=tags,
                new_id=partial(self._document_id, tenant),
                progress=progress,
            )
            files, failures = await asyncio.to_thread(find_files, paths)
            run.report.failures += failures
            await run.ingest([*uploads, *(Source(str(file), file) for file in files)])
            if sync:
                most = 1.0 if yes else _MOST_REMOVED
                await run.mirror(paths, map(str, files), most=most)
            await run.finish()
        run.report.seconds = round(time.perf_counter() - started, 3)
        return run.report
