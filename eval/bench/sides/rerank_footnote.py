"""Reading pairs with the reader that comes along, as Footnote uses it."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from app.adapters.reader import BundledReader
from eval.bench.material.handbook import passages
from eval.bench.material.handbook import questions as questions_of


def measure(*, questions: int, candidates: int) -> dict[str, Any]:
    """Seconds for all pairs, and how many they were."""
    return asyncio.run(_measure(questions_of(questions), passages(candidates)))


async def _measure(questions: list[str], texts: list[str]) -> dict[str, Any]:
    reader = BundledReader()
    await reader.score("warm", texts)
    started = time.perf_counter()
    for question in questions:
        await reader.score(question, texts)
    seconds = time.perf_counter() - started
    await reader.close()
    return {"seconds": seconds, "pairs": len(questions) * len(texts)}
