"""Files in, searchable documents out: source → parse → chunk → encode → store."""

from __future__ import annotations

import asyncio
import hashlib
import os
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import structlog

from app.core.errors import FootnoteError, PermanentError
from app.core.exchange import Failure, IngestReport
from app.core.ports import ChunkStore, DenseEncoder, SparseEncoder
from app.core.types import Document, EncodedChunk, ParsedDocument, Scope
from ingestion.chunk import Chunker
from ingestion.parse import parse, read_file
from ingestion.sources import coverage, find_files

Progress = Callable[[int, int, str], None]
"""Called with files done, files in all, and the file just finished."""

log = structlog.get_logger(__name__)


class Ingestor:
    """Brings documents into the store. One at a time per index."""

    def __init__(
        self,
        *,
        store: ChunkStore,
        dense: DenseEncoder,
        sparse: SparseEncoder,
        chunker: Chunker,
        document_id: Callable[[str, str], str],
        max_file_bytes: int,
    ) -> None:
        self._store = store
        self._dense = dense
        self._sparse = sparse
        self._chunker = chunker
        self._document_id = document_id
        self._max_file_bytes = max_file_bytes
        self._turn = asyncio.Lock()

    async def run(
        self,
        paths: Sequence[str | Path],
        *,
        tenant: str,
        tags: Mapping[str, str],
        sync: bool = False,
        progress: Progress | None = None,
    ) -> IngestReport:
        """Ingest files; a file that fails is reported and does not stop the others.

        Args:
            paths: Files, folders and globs.
            tenant: Whose documents they become.
            tags: Set on every document.
            sync: Also delete this tenant's documents under `paths` whose file is gone.
            progress: Told after every file.
        """
        started = time.perf_counter()
        async with self._turn:
            report = IngestReport()
            files, report.failures = await asyncio.to_thread(find_files, paths)
            known = {d.document_id: d for d in await self._store.documents(Scope(tenant))}
            for done, file in enumerate(files, start=1):
                await self._one(file, tenant, dict(tags), known, report)
                if progress:
                    progress(done, len(files), file.name)
            if sync:
                await self._remove_gone(paths, files, known, tenant, report)
            if report.added or report.updated or report.deleted:
                await self._store.optimize()
        report.seconds = round(time.perf_counter() - started, 3)
        return report

    async def _one(
        self,
        file: Path,
        tenant: str,
        tags: dict[str, str],
        known: Mapping[str, Document],
        report: IngestReport,
    ) -> None:
        old = known.get(self._document_id(tenant, str(file)))
        try:
            content_hash = await asyncio.to_thread(_hash, file)
            if old and (old.content_hash, old.tags) == (content_hash, tags):
                report.unchanged += 1
                return
            data = await asyncio.to_thread(read_file, file, self._max_file_bytes)
            parsed = await asyncio.to_thread(parse, data, str(file))
            report.chunks += await self._store_version(parsed, tenant, tags, content_hash)
        except FootnoteError as error:
            report.failures.append(Failure(str(file), error.message, error.hint))
        except OSError as error:
            reason = error.strerror or type(error).__name__
            report.failures.append(Failure(str(file), f"it cannot be read: {reason}", ""))
        except Exception as error:
            log.error("ingest.file_failed", source=str(file), exc_info=True)
            kind = type(error).__name__
            report.failures.append(Failure(str(file), f"unexpected {kind}", "see the log"))
        else:
            report.updated += bool(old)
            report.added += not old

    async def _store_version(
        self, parsed: ParsedDocument, tenant: str, tags: dict[str, str], content_hash: str
    ) -> int:
        chunks = await asyncio.to_thread(self._chunker.cut, parsed)
        texts = await asyncio.to_thread(self._chunker.embedding_texts, parsed.title, chunks)
        dense = await self._dense.encode(texts)
        sparse = await asyncio.to_thread(self._sparse.encode_documents, texts)
        document = Document(
            document_id=self._document_id(tenant, parsed.source),
            title=parsed.title,
            source=parsed.source,
            content_hash=content_hash,
            chunks=len(chunks),
            pages=len(parsed.pages),
            tenant=tenant,
            tags=tags,
            ingested_at=datetime.now(UTC).isoformat(),
        )
        encoded = [EncodedChunk(*parts) for parts in zip(chunks, dense, sparse, strict=True)]
        await self._store.replace(document, encoded)
        return len(chunks)

    async def _remove_gone(
        self,
        paths: Sequence[str | Path],
        files: Sequence[Path],
        known: Mapping[str, Document],
        tenant: str,
        report: IngestReport,
    ) -> None:
        present = {str(file) for file in files}
        missing = [d for d in known.values() if d.source not in present]
        for document in await asyncio.to_thread(_gone, missing, paths, report.failures):
            await self._store.delete(document.document_id, Scope(tenant))
            report.deleted += 1


def _gone(
    missing: Sequence[Document], paths: Sequence[str | Path], failures: Sequence[Failure]
) -> list[Document]:
    """Of documents whose file was not found, those under `paths` that could be looked into."""
    covered = coverage(paths)
    unread = coverage(f.source for f in failures if os.path.lexists(f.source))
    return [d for d in missing if covered(d.source) and not unread(d.source)]


def _hash(file: Path) -> str:
    if not file.is_file():
        raise PermanentError("it is not a regular file")
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
