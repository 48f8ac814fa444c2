"""The whole way of a file share into the embedded index, as `footnote ingest` goes it."""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from pathlib import Path
from typing import Any

from app.core.settings import Settings, load_settings
from app.core.types import Scope
from app.wiring import open_footnote
from eval.bench.material import share
from eval.bench.memory import peak_memory

_TENANT = "default"


def measure(*, files: int, texts: str = "") -> dict[str, Any]:
    """Seconds and chunks of a first run and of a second one, and the peak of each run's memory.

    Args:
        files: How many.
        texts: A file to leave in it what the encoder read, for others to encode.
    """
    with tempfile.TemporaryDirectory() as folder:
        share.write(Path(folder, "share"), files)
        share.write(Path(folder, "first"), 1, seed=1)
        return asyncio.run(_measure(Path(folder), texts))


async def _measure(folder: Path, texts: str) -> dict[str, Any]:
    settings = load_settings(data_dir=folder / "data")
    with peak_memory() as peak:
        async with open_footnote(settings) as footnote:
            # As the other sides, it is timed once all that it needs is loaded.
            await footnote.ingest([folder / "first"], tenant="warm-up", tags={})
            first = await footnote.ingest([folder / "share"], tenant=_TENANT, tags={})
    started = time.perf_counter()
    with peak_memory() as peak_again:
        async with open_footnote(settings) as footnote:
            second = await footnote.ingest([folder / "share"], tenant=_TENANT, tags={})
            again_s = time.perf_counter() - started
    encoded = json.dumps(await _embedded(settings)) if texts else ""
    if texts:
        await asyncio.to_thread(Path(texts).write_text, encoded, encoding="utf-8")
    return {
        "seconds": first.seconds,
        "chunks": first.chunks,
        "failed": len(first.failures) + len(second.failures),
        "again_s": again_s,
        "again_embedded": second.embedded,
        "all_mb": peak.mb,
        "own_mb": peak.own_mb,
        "again_mb": peak_again.mb,
        "again_own_mb": peak_again.own_mb,
    }


async def _embedded(settings: Settings) -> list[str]:
    """What the encoder read of each chunk."""
    found: list[str] = []
    async with open_footnote(settings) as footnote:
        for document in await footnote.store.documents(Scope(_TENANT)):
            chunks = await footnote.store.chunks(document.document_id, Scope(_TENANT))
            titles = (f"{document.title} > {chunk.heading}" for chunk in chunks)
            found += [f"{t}\n{c.text.strip()}" for t, c in zip(titles, chunks, strict=True)]
    return found
