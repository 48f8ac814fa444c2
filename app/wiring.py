"""Settings to a ready service: the only place that puts things together."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any

from app import parts
from app.adapters import payload
from app.adapters.bm25 import Bm25Encoder
from app.adapters.switching import SwitchingStore
from app.core.errors import ConfigError
from app.core.ports import (
    Jobs,
    Memory,
)
from app.core.run import Run
from app.core.settings import EmbeddingSettings, IngestionSettings, QdrantSettings, Settings
from app.core.types import Scalar, Scope
from app.index import Index
from app.jobs.desk import JobDesk
from app.jobs.spool import Spool
from app.service import Footnote
from graphs.context import Context
from graphs.graph import build_graph
from ingestion.cluster import Cluster
from ingestion.cluster_worker import Tools
from ingestion.copies import CopyPolicy
from ingestion.encode import Encoder
from ingestion.formats.kinds import named
from ingestion.isolation import Spare
from ingestion.pipeline import Ingestor


@asynccontextmanager
async def open_footnote(settings: Settings) -> AsyncIterator[Footnote]:
    """The service, ready; all of its parts are closed at the end.

    Raises:
        ConfigError: A setting, a model or an installed package does not fit.
        LockedError: Another process holds the embedded index.
        TransientError: A server that was set does not answer.
    """
    async with AsyncExitStack() as stack:
        dense = await _closing(stack, await asyncio.to_thread(parts.encoder, settings))
        sparse = Bm25Encoder(settings.ingestion.language, settings.ingestion.bm25_avg_len)
        chunker = parts.chunker(settings, dense)
        generations = parts.generations(settings, dense, sparse, chunker)
        store = await _closing(stack, SwitchingStore(await generations.current()))
        reader = await _closing(stack, await asyncio.to_thread(parts.reader, settings))
        other = await asyncio.to_thread(parts.cross_encoder, settings)
        ranker = await _closing(stack, parts.ranker(settings, reader, other))
        reranker = None if settings.reranking.model == "none" else ranker
        queue: Jobs = await stack.enter_async_context(parts.jobs(settings))
        memory: Memory = await stack.enter_async_context(parts.memory(settings))
        vectors = parts.vector_cache(settings, dense)
        if vectors:
            stack.push_async_callback(vectors.close)
        cache = parts.cache(settings)
        if cache:
            stack.push_async_callback(cache.close)
        limiter = await _closing(stack, parts.limiter(settings))
        model = await asyncio.to_thread(parts.model, settings)
        if model:
            stack.push_async_callback(model.gateway.close)
        spare = await _closing(stack, Spare())
        ingestor = Ingestor(
            store=store,
            dense=dense,
            sparse=sparse,
            parsers=partial(parts.parsers, settings, dense, spare=spare),
            document_id=payload.document_id,
            cache=vectors,
            cluster=partial(
                _cluster, settings, parts.fingerprint(settings, dense, sparse, chunker)
            ),
            contexts=parts.contexts(settings, dense, model),
            copies=CopyPolicy(
                settings.ingestion.near_duplicates, settings.ingestion.near_threshold
            ),
        )
        yield Footnote(
            settings=settings,
            base=Context(
                run=Run(deadline_ms=settings.answer.deadline_ms),
                scope=Scope(settings.api.tenant),
                store=store,
                dense=dense,
                sparse=sparse,
                reranker=reranker,
                skills=parts.skills(
                    settings, dense, ranker, reader, model.gateway if model else None
                ),
                cache=cache,
                retrieval=settings.retrieval,
                reranking=settings.reranking,
                answer=settings.answer,
                identity=parts.identity(settings, dense, ranker, model),
            ),
            graph=build_graph().compile(checkpointer=memory.checkpointer),
            memory=memory,
            limiter=limiter,
            ingestor=ingestor,
            jobs=JobDesk(
                queue,
                Spool(parts.data_dir(settings) / "uploads"),
                ingestor.run,
                alone=not settings.qdrant.url,
            ),
            tracer=parts.tracer(settings, stack),
            open_index=open_index,
        )


@asynccontextmanager
async def open_index(settings: Settings) -> AsyncIterator[Index]:
    """What works on the index as a whole, with models of its own; opens no index yet.

    Raises ConfigError when a setting, a model or an installed package does not fit.
    """
    async with AsyncExitStack() as stack:
        dense = await _closing(stack, await asyncio.to_thread(parts.encoder, settings))
        sparse = Bm25Encoder(settings.ingestion.language, settings.ingestion.bm25_avg_len)
        chunker = parts.chunker(settings, dense)
        vectors = parts.vector_cache(settings, dense)
        if vectors:
            stack.push_async_callback(vectors.close)
        model = await asyncio.to_thread(parts.model, settings)
        if model:
            stack.push_async_callback(model.gateway.close)
        yield Index(
            generations=parts.generations(settings, dense, sparse, chunker),
            dense=dense,
            sparse=sparse,
            encoder=Encoder(dense, sparse, vectors),
            chunker=chunker,
            parsers=partial(parts.parsers, settings, dense),
            kind=named,
            contexts=parts.contexts(settings, dense, model),
        )


async def _closing(stack: AsyncExitStack, part: Any) -> Any:
    stack.push_async_callback(part.close)
    return part


def _cluster(
    settings: Settings, fingerprint: Mapping[str, Scalar], address: str, workers: int
) -> Cluster:
    """A Ray cluster whose workers get no more of the settings than they need."""
    qdrant = settings.qdrant
    secrets = {"url": parts.reveal(qdrant.url), "api_key": parts.reveal(qdrant.api_key)}
    threads = settings.embedding.threads or 1  # a worker for each CPU keeps them busy as it is
    wanted = {
        "qdrant": qdrant.model_dump() | secrets,
        "embedding": settings.embedding.model_dump() | {"threads": threads},
        "ingestion": settings.ingestion.model_dump(),
    }
    return Cluster(address, workers, partial(open_tools, json.dumps(wanted), dict(fingerprint)))


@asynccontextmanager
async def open_tools(wanted: str, fingerprint: Mapping[str, Scalar]) -> AsyncIterator[Tools]:
    """What a worker of a Ray cluster works with, on its node.

    Args:
        wanted: Sections of the settings, as JSON.
        fingerprint: The driver's.

    Raises:
        ConfigError: The node has another version, or lacks a model.
        TransientError: The Qdrant server does not answer this node.
    """
    sections = json.loads(wanted)
    settings = Settings.model_construct(
        qdrant=QdrantSettings(**sections["qdrant"]),
        embedding=EmbeddingSettings(**sections["embedding"]),
        ingestion=IngestionSettings(**sections["ingestion"]),
    )
    async with AsyncExitStack() as stack:
        dense = await _closing(stack, await asyncio.to_thread(parts.encoder, settings))
        sparse = Bm25Encoder(settings.ingestion.language, settings.ingestion.bm25_avg_len)
        chunker = parts.chunker(settings, dense)
        if parts.fingerprint(settings, dense, sparse, chunker) != fingerprint:
            raise ConfigError(
                f"{socket.gethostname()} has another version or model than this machine",
                hint="install the same version of footnote-rag and the same models on every node",
            )
        store = None
        if settings.qdrant.url:
            generations = parts.generations(settings, dense, sparse, chunker)
            store = await _closing(stack, await generations.current())
        parsers = await stack.enter_async_context(parts.parsers(settings, dense, 1))
        yield Tools(parsers, Encoder(dense, sparse), store)
