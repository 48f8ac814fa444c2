"""How much of what an exact search finds the quantized index finds too."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from app.adapters.edge_shard import match, open_shard
from app.adapters.fields import DENSE
from app.adapters.payload import conditions
from app.adapters.qdrant_edge import EdgeStore
from app.core.types import HybridQuery, Scope
from eval.bench.material.corpus import DIMENSIONS
from eval.bench.material.library import Library

Found = list[tuple[str, int]]  # document and character: which chunk it is
_TOPS = (10, 50)


def measure(*, folder: str, queries: int) -> dict[str, Any]:
    """Mean share of the nearest chunks, by the original vectors and with the same filters,
    that the store finds, at the top 10 and 50."""
    questions = Library(0).questions(queries, max(_TOPS), max(_TOPS))
    ours = asyncio.run(_through_the_store(Path(folder), questions))
    exact = _exactly(Path(folder), questions)
    return {
        f"recall_{top}": float(
            np.mean([len({*a[:top]} & {*b[:top]}) / top for a, b in zip(ours, exact, strict=True)])
        )
        for top in _TOPS
    }


async def _through_the_store(folder: Path, questions: Sequence[HybridQuery]) -> list[Found]:
    store = await EdgeStore.open(folder, dimensions=DIMENSIONS, fingerprint={})
    found = []
    for question in questions:
        passages = await store.search(replace(question, weights=(1.0, 0.0)), Scope())
        found.append([(passage.document_id, passage.start) for passage in passages])
    await store.close()
    return found


def _exactly(folder: Path, questions: Sequence[HybridQuery]) -> list[Found]:
    import qdrant_edge as q

    shard = open_shard(folder, DIMENSIONS, {})
    seen = q.Filter(must=[match(key, values) for key, values in conditions(Scope())])
    originals = q.SearchParams(exact=True, quantization=q.QuantizationSearchParams(ignore=True))
    found = []
    for question in questions:
        points = shard.query(
            q.QueryRequest(
                limit=question.limit,
                query=q.Query.Nearest(question.dense.tolist(), using=DENSE),
                filter=seen,
                params=originals,
                with_payload=["document_id", "start"],
            )
        )
        found.append([(p.payload["document_id"], p.payload["start"]) for p in points])
    shard.close()
    return found
