"""Files in, searchable documents out: source → parse → chunk → encode → store."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from functools import partial
from itertools import chain
from pathlib import Path

from app.core.exchange import IngestReport
from app.core.ports import ChunkStore, DenseEncoder, SparseEncoder, VectorCache
from ingestion.cluster import Cluster
from ingestion.cluster_run import ClusterRun
from ingestion.context import Contexts
from ingestion.copies import CopyPolicy
from ingestion.encode import Encoder
from ingestion.ledger import Ledger, Progress
from ingestion.prepare import Source
from ingestion.run import Parsers, Run
from ingestion.sources import find_files

_MOST_REMOVED = 0.5  # share of a tenant's documents


class Ingestor:
    """Brings documents into the store. One run at a time per index.

    Args:
        parsers: Makes the worker processes of a run, given their number; 0 for the default.
        document_id: Makes a document's id out of its tenant and name.
        cluster: Connects to a Ray cluster, given its address and the number of workers.
        cache: Remembers vectors.
        contexts: Puts a model's words in front of each chunk, if any do.
        copies: What becomes of documents nearly the same as another.
    """

    def __init__(
        self,
        *,
        store: ChunkStore,
        dense: DenseEncoder,
        sparse: SparseEncoder,
        parsers: Callable[[int], AbstractAsyncContextManager[Parsers]],
        document_id: Callable[[str, str], str],
        cluster: Callable[[str, int], Cluster] | None = None,
        cache: VectorCache | None = None,
        contexts: Contexts | None = None,
        copies: CopyPolicy = CopyPolicy(),  # noqa: B008 - frozen
    ) -> None:
        self._store = store
        self._encoder = Encoder(dense, sparse, cache)
        self._parsers = parsers
        self._document_id = document_id
        self._cluster = cluster
        self._contexts = contexts
        self._copies = copies
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
        address: str = "",
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
            workers: Processes that read files, or workers of the cluster; 0 for the default.
            address: Of the Ray cluster that reads and encodes; empty: this machine does.
            uploads: Files that are to have another name than their path.
            progress: Told after every file.

        Raises:
            ConfigError: The cluster does not answer.
            TransientError: The store or the cluster is out of reach.
        """
        started = time.perf_counter()
        async with self._turn, AsyncExitStack() as stack:
            ledger = Ledger(
                store=self._store,
                tenant=tenant,
                tags=tags,
                new_id=partial(self._document_id, tenant),
                copies=self._copies,
                progress=progress,
            )
            stack.callback(ledger.discard)
            make_run: Callable[..., Run] = Run
            if address and self._cluster:
                cluster = await stack.enter_async_context(self._cluster(address, workers))
                make_run = partial(ClusterRun, cluster=cluster)
            run = make_run(
                store=self._store,
                encoder=self._encoder,
                parsers=await stack.enter_async_context(self._parsers(workers)),
                ledger=ledger,
                contexts=self._contexts,
            )
            files, ledger.report.failures = await asyncio.to_thread(find_files, paths)
            sources = chain(uploads, (Source(file, Path(file)) for file in files))
            await run.ingest(sources, count=len(uploads) + len(files))
            if sync:
                most = 1.0 if yes else _MOST_REMOVED
                await ledger.mirror(paths, files, most=most)
            await ledger.close()
            await stack.aclose()  # readers are done, and to build an index takes memory
            if ledger.report.added or ledger.report.updated or ledger.report.deleted:
                await self._store.optimize()
        ledger.report.failures.sort(key=lambda failure: failure.source)  # as readers finish
        ledger.report.seconds = round(time.perf_counter() - started, 3)
        return ledger.report
