"""A whole index into a file and out of one."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from pathlib import Path

from app.core.ports import ChunkStore
from app.core.types import Counts
from ingestion.index_file import IndexReader, IndexWriter
from ingestion.ledger import Progress


async def write_index(store: ChunkStore, file: Path, progress: Progress | None = None) -> Counts:
    """Export all documents of all tenants.

    Raises InputError where the file cannot be written.
    """
    info = await store.info()
    total = info.documents
    done = 0
    writer = await asyncio.to_thread(IndexWriter, file, info.fingerprint)
    try:
        async with aclosing(store.everything()) as versions:
            async for document, chunks in versions:
                await asyncio.to_thread(writer.add, document, chunks)
                done += 1
                if progress:
                    progress(done, total, document.title)
        return await asyncio.to_thread(writer.finish)
    finally:
        await asyncio.to_thread(writer.close)


async def read_index(
    file: IndexReader, store: ChunkStore, total: int, progress: Progress | None = None
) -> None:
    """Put all documents of a file into a store, each in place of the one that has its id.

    Args:
        total: How many there are.
    """
    versions = file.versions()
    done = 0
    while version := await asyncio.to_thread(next, versions, None):
        await store.replace(*version)
        done += 1
        if progress:
            progress(done, total, version[0].title)
