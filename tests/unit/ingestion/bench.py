"""The pipeline over the real embedded store, with a small stand-in for the encoder."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from app.adapters import payload
from app.adapters.bm25 import Bm25Encoder
from app.adapters.qdrant_edge import EdgeStore
from app.core.exchange import IngestReport
from app.core.types import Document, EncodedChunk, Scope, Vectors
from ingestion.pipeline import Ingestor
from tests.support.documents import DIMENSIONS, asking, dense
from tests.unit.ingestion.parsers import in_process

HERE = Scope("default")


@dataclass
class CountingEncoder:
    """A stand-in for a model that notes what it is asked to encode."""

    tokenizer: Any
    name: str = "counting"
    dimensions: int = DIMENSIONS
    max_tokens: int = 256
    seen: list[str] = field(default_factory=list, repr=False)
    before: Callable[[str], None] = lambda text: None
    """Called with the texts of every call."""

    def trust(self, question: str) -> float:
        return 1.0

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [len(text.split()) for text in texts]

    async def encode(self, texts: Sequence[str]) -> Vectors:
        self.before("\n".join(texts))
        self.seen += texts
        return np.stack([dense(text) for text in texts])

    async def close(self) -> None: ...


@dataclass
class Bench:
    """An index, the pipeline into it, and a folder of documents."""

    store: EdgeStore
    encoder: CountingEncoder
    ingestor: Ingestor
    docs: Path

    def write(self, name: str, text: str) -> Path:
        file = self.docs / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")
        return file

    async def run(
        self, *paths: str | Path, tenant: str = "default", **options: Any
    ) -> IngestReport:
        options = {"tags": {}, **options}
        return await self.ingestor.run(paths or [self.docs], tenant=tenant, **options)

    async def titles(self, tenant: str = "default") -> list[str]:
        return [document.title for document in await self.store.documents(Scope(tenant))]

    async def found(self, question: str, scope: Scope = HERE) -> list[str]:
        return [passage.text for passage in await self.store.search(asking(question), scope)]

    async def contents(self, tenant: str = "default") -> list[object]:
        """All that the index says of the documents, but for when."""
        scope = Scope(tenant)
        documents = await self.store.documents(scope)
        return [
            (d.model_dump(exclude={"ingested_at"}), await self.store.chunks(d.document_id, scope))
            for d in documents
        ]


def counts(report: IngestReport) -> tuple[int, int, int, int, int]:
    """(added, updated, unchanged, deleted, failed)."""
    done = (report.added, report.updated, report.unchanged, report.deleted)
    return (*done, len(report.failures))


async def open_bench(folder: Path, tokenizer: Any, name: str = "index", **options: Any) -> Bench:
    store = await EdgeStore.open(folder / name, dimensions=DIMENSIONS, fingerprint={"of": "tests"})
    encoder = CountingEncoder(tokenizer)
    ingestor = Ingestor(
        store=store,
        dense=encoder,
        sparse=Bm25Encoder(),
        parsers=lambda _: in_process(tokenizer),
        document_id=payload.document_id,
        **options,
    )
    return Bench(store, encoder, ingestor, folder / "docs")


async def stopped(bench: Bench, *, after: int, **options: Any) -> IngestReport:
    """A run that is cancelled while it writes documents, after about so many others."""
    written, add, replace = 0, bench.store.add, bench.store.replace

    def count(documents: int) -> None:
        nonlocal written
        written += documents
        if written > after:
            running.cancel()

    async def count_and_add(versions: Sequence[Any]) -> None:
        count(len(versions))
        await add(versions)

    async def count_and_replace(document: Document, chunks: Sequence[EncodedChunk]) -> None:
        count(1)
        await replace(document, chunks)

    running = asyncio.create_task(bench.run(**options))
    bench.store.add = count_and_add  # type: ignore[method-assign]
    bench.store.replace = count_and_replace  # type: ignore[method-assign]
    try:
        return await running
    finally:
        bench.store.add, bench.store.replace = add, replace  # type: ignore[method-assign]
