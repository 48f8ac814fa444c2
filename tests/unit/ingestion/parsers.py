"""Reading files in this process: what the worker processes do, without starting any."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from app.adapters import bundled
from app.core.exchange import Failure
from ingestion.prepare import Prepared, Preparer, Recipe, Source


def recipe(tokenizer: Any, **changes: Any) -> Recipe:
    """The settings' defaults, but for the largest file."""
    parts: dict[str, Any] = {
        "tokenizer": tokenizer.to_str(),
        "chunk_tokens": 220,
        "min_tokens": 24,
        "max_tokens": bundled.MAX_TOKENS,
        "max_file_bytes": 100_000,
    }
    return Recipe(**(parts | changes))


class InProcess:
    """Parsers for a run, two files at a time."""

    size = 2

    def __init__(self, preparer: Preparer) -> None:
        self._preparer = preparer

    async def documents(self, source: Source) -> AsyncGenerator[Prepared | Failure, None]:
        for outcome in await asyncio.to_thread(lambda: [*self._preparer.documents(source)]):
            yield outcome


_PREPARERS: dict[int, Preparer] = {}


@asynccontextmanager
async def in_process(tokenizer: Any) -> AsyncIterator[InProcess]:
    """Give a run its parsers."""
    if id(tokenizer) not in _PREPARERS:
        _PREPARERS[id(tokenizer)] = Preparer(recipe(tokenizer))
    yield InProcess(_PREPARERS[id(tokenizer)])
