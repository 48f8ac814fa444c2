"""The whole way of a file share into the embedded index, as `footnote ingest` goes it."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Any

from app.core.settings import Settings, load_settings
from app.core.types import Scope
from app.wiring import open_footnote
from eval.bench.material import share
from eval.bench.memory import peak_memory

_TENANT = "default"


def measure(*, folder: str, files: int, texts: str = "") -> dict[str, Any]:
    """Seconds and chunks of a run, and the peak of its memory.

    Args:
        folder: Of share and index. What an earlier run made of it stays: it is one more night.
        files: How many.
        texts: A file to leave in it what the encoder read, for others to encode.
    """
    place = Path(folder)
    if not (place / "share").exists():
        share.write(place / "share", files)
        share.write(place / "first", 1, seed=1)
    return asyncio.run(_measure(place, texts))


async def _measure(folder: Path, texts: str) -> dict[str, Any]:
    settings = load_settings(data_dir=folder / "data")
    started = time.perf_counter()
    with peak_memory() as peak:
        async with open_footnote(settings) as footnote:
            # As the other sides, it is timed once all that it needs is loaded.
            await footnote.ingest([folder / "first"], tenant="warm-up", tags={})
            report = await footnote.ingest([folder / "share"], tenant=_TENANT, tags={})
    whole_s = time.perf_counter() - started
    if texts:
        encoded = json.dumps(await _embedded(settings))
        await asyncio.to_thread(Path(texts).write_text, encoded, encoding="utf-8")
    return {
        "seconds": report.seconds,
        "whole_s": whole_s,
        "chunks": report.chunks,
        "embedded": report.embedded,
        "failed": len(report.failures),
        "all_mb": peak.mb,
        "own_mb": peak.own_mb,
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
