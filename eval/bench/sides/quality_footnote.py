"""How well Footnote finds what answers, stage by stage, through the service that answers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.core.settings import RetrievalSettings
from app.core.types import HybridQuery, Passage
from app.service import Footnote
from eval.bench.material.found import Figures
from eval.judged.index import SCOPE, open_filled
from eval.judged.measures import Place
from eval.judged.sets import read
from graphs.context import Query
from graphs.nodes.retrieve import search

DEPTH = 50
_MOST = DEPTH * 2 // 3
"""Passages asked of the service, so that each of its searches contributes DEPTH, as by default.
Of every stage as many count: of a longer list ten documents are seen sooner."""
TOP = 5
_PASSAGES = RetrievalSettings().k
RRF_K = 60
"""Of Cormack, Clarke & Büttcher (2009): what the fusion is held against."""

Found = Sequence[Passage]


def measure(*, data: str, cache: str, name: str, asked: int) -> dict[str, Any]:
    """Figures of every stage, see `Figures`, and the number of chunks.

    Args:
        data: Folder of the judged sets.
        cache: Folder of remembered vectors.
        name: Of the set.
        asked: At most so many of its questions; 0: all.
    """
    return asyncio.run(_measure(Path(data), Path(cache), name, asked))


async def _measure(data: Path, cache: Path, name: str, asked: int) -> dict[str, Any]:
    one = read(data, name).sample(asked)
    async with open_filled([one], cache) as (footnote, judge):
        measured: dict[str, Figures] = {}
        await footnote.search(one.questions[0].text, SCOPE)  # warm
        for question in one.questions:
            async for stage in stages(footnote, question.text, spans=one.has_spans):
                figures = measured.setdefault(stage.name, Figures(judge))
                figures.add(question, _places(stage.found), _places(stage.best), stage.ms)
        info = await footnote.store.info()
    return {
        "family": one.family,
        "chunks": info.chunks,
        "stages": {n: found.record() for n, found in measured.items()},
    }


@dataclass(frozen=True, slots=True)
class Stage:
    """What a stage found: at most _MOST, the first TOP, and the time from the question on."""

    name: str
    found: Found
    best: Found
    ms: float


async def stages(footnote: Footnote, question: str, *, spans: bool = False) -> AsyncIterator[Stage]:
    """The searches alone, their plain fusion, the service's own, and the whole ranking.

    Args:
        spans: Whether the first TOP of the ranking count, as the service shows them.
    """
    alone = {}
    for name, weights in (("bm25", (0.0, 1.0)), ("dense", (1.0, 0.0))):
        started = time.perf_counter()
        alone[name] = await _search(footnote, question, weights)
        yield _stage(name, alone[name], started)
    started = time.perf_counter()
    yield _stage("rrf", reciprocal_rank(list(alone.values())), started)
    started = time.perf_counter()
    fused = await search(Query(question, question), footnote.base, SCOPE, most=_MOST)
    yield _stage("fusion", fused, started)
    started = time.perf_counter()
    ranked = await footnote.search(question, SCOPE, _MOST)
    ms = (time.perf_counter() - started) * 1e3
    # Whoever asks for fewer passages gets fewer neighbours joined: as many as the service wants.
    best = await footnote.search(question, SCOPE, _PASSAGES) if spans else ranked
    yield Stage("ranking", ranked, best[:TOP], ms)


def _stage(name: str, found: Found, started: float) -> Stage:
    return Stage(name, found[:_MOST], found[:TOP], (time.perf_counter() - started) * 1e3)


async def _search(footnote: Footnote, question: str, weights: tuple[float, float]) -> Found:
    base = footnote.base
    sparse = base.sparse.encode_query(question, await base.store.languages(SCOPE))
    if not sparse.indices and not weights[0]:
        return []
    (vector,) = await base.dense.encode([question])
    query = HybridQuery(vector, sparse, limit=DEPTH, depth=DEPTH, weights=weights)
    return await base.store.search(query, SCOPE)


def reciprocal_rank(lists: Sequence[Found], k: int = RRF_K) -> list[Passage]:
    """The lists fused by 1 / (k + rank), ranks from 1; equals in the order of the last list."""
    fused: dict[Place, float] = {}
    passages: dict[Place, Passage] = {}
    for found in reversed(lists):
        for rank, (place, passage) in enumerate(zip(_places(found), found, strict=True), start=1):
            fused[place] = fused.get(place, 0.0) + 1 / (k + rank)
            passages[place] = passage
    best = sorted(fused, key=lambda place: -fused[place])
    return [passages[place] for place in best]


def _places(found: Found) -> list[Place]:
    return [Place(passage.source, passage.start, passage.end) for passage in found]
