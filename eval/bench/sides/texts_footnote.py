"""Encoding texts from a file with the model that comes along, and nothing else."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Any

from app.core.settings import load_settings
from app.parts import encoder


def measure(*, texts: str) -> dict[str, Any]:
    """Seconds for all of the texts."""
    return asyncio.run(_measure(json.loads(Path(texts).read_text(encoding="utf-8"))))


async def _measure(texts: list[str]) -> dict[str, Any]:
    dense = encoder(load_settings())
    await dense.encode(texts[:16])
    started = time.perf_counter()
    await dense.encode(texts)
    seconds = time.perf_counter() - started
    await dense.close()
    return {"seconds": seconds, "chunks": len(texts)}
