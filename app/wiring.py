"""Settings to a ready service: the only place that builds things."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import uuid
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from app.adapters import payload
from app.adapters.answer_cache import MemoryAnswerCache, RedisAnswerCache
from app.adapters.bm25 import Bm25Encoder
from app.adapters.memory import PostgresMemory, SqliteMemory
from app.adapters.postgres_jobs import PostgresJobs
from app.adapters.rate_limit import MemoryRateLimiter, NoRateLimiter, RedisRateLimiter
from app.adapters.sentence_scorer import SentenceScorer
from app.adapters.sqlite_jobs import SqliteJobs
from app.adapters.switching import SwitchingStore
from app.core.errors import ConfigError
from app.core.ports import (
    AnswerCache,
    DenseEncoder,
    Gateway,
    Generations,
    Jobs,
    Memory,
    RateLimiter,
    Reranker,
    VectorCache,
)
from app.core.run import Run
from app.core.settings import EmbeddingSettings, IngestionSettings, QdrantSettings, Settings
from app.core.types import Scalar, Scope
from app.index import Index
from app.jobs.desk import JobDesk
from app.jobs.spool import Spool
from app.service import Footnote
from graphs.context import Context, Skills
from graphs.graph import build_graph
from graphs.skills.compress import SentenceCompressor
from graphs.skills.condense import EntityCondenser, ModelCondenser
from graphs.skills.expand import ModelExpander, RuleExpander
from graphs.skills.verify import LocalVerifier, ModelVerifier
from graphs.skills.write import ExtractiveReader, ModelWriter
from ingestion.chunk import Chunker
from ingestion.cluster import Cluster
from ingestion.cluster_worker import Tools
from ingestion.context import CONTEXT_TOKENS, Contexts
from ingestion.copies import CopyPolicy
from ingestion.encode import Encoder
from ingestion.formats.kinds import named
from ingestion.isolation import ParserPool
from ingestion.parse import VERSION as PARSER_VERSION
from ingestion.pipeline import Ingestor
from ingestion.prepare import Recipe
from prompts import PromptRegistry


@asynccontextmanager
async def open_footnote(settings: Settings) -> AsyncIterator[Footnote]:
    """The service, ready; all of its parts are closed at the end.

    Raises:
        ConfigError: A setting, a model or an installed package does not fit.
        LockedError: Another process holds the embedded index.
        TransientError: A server that was set does not answer.
    """
    async with AsyncExitStack() as stack:
        dense = await _closing(stack, await asyncio.to_thread(encoder, settings))
        sparse = Bm25Encoder(settings.ingestion.language, settings.ingestion.bm25_avg_len)
        chunker = _chunker(settings, dense)
        generations = _generations(settings, dense, sparse, chunker)
        store = await _closing(stack, SwitchingStore(await generations.current()))
        scorer = await asyncio.to_thread(SentenceScorer.load, dense)
        reranker = await asyncio.to_thread(_reranker, settings, scorer)
        if reranker:
            stack.push_async_callback(reranker.close)
        queue: Jobs = await stack.enter_async_context(_jobs(settings))
        memory: Memory = await stack.enter_async_context(_memory(settings))
        vectors = _vector_cache(settings, dense)
        if vectors:
            stack.push_async_callback(vectors.close)
        cache = _cache(settings)
        if cache:
            stack.push_async_callback(cache.close)
        limiter = await _closing(stack, _limiter(settings))
        model = await asyncio.to_thread(_model, settings)
        if model:
            stack.push_async_callback(model.gateway.close)
        ingestor = Ingestor(
            store=store,
            dense=dense,
            sparse=sparse,
            parsers=partial(_parsers, settings, dense),
            document_id=payload.document_id,
            cache=vectors,
            cluster=partial(_cluster, settings, _fingerprint(settings, dense, sparse, chunker)),
            contexts=_contexts(settings, dense, model),
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
                skills=_skills(settings, dense, scorer, model.gateway if model else None),
                cache=cache,
                retrieval=settings.retrieval,
                reranking=settings.reranking,
                answer=settings.answer,
                identity=_identity(settings, dense, reranker, model),
            ),
            graph=build_graph().compile(checkpointer=memory.checkpointer),
            memory=memory,
            limiter=limiter,
            ingestor=ingestor,
            jobs=JobDesk(
                queue,
                Spool(data_dir(settings) / "uploads"),
                ingestor.run,
                alone=not settings.qdrant.url,
            ),
            tracer=_tracer(settings, stack),
            open_index=open_index,
        )


@asynccontextmanager
async def open_index(settings: Settings) -> AsyncIterator[Index]:
    """What works on the index as a whole, with models of its own; opens no index yet.

    Raises ConfigError when a setting, a model or an installed package does not fit.
    """
    async with AsyncExitStack() as stack:
        dense = await _closing(stack, await asyncio.to_thread(encoder, settings))
        sparse = Bm25Encoder(settings.ingestion.language, settings.ingestion.bm25_avg_len)
        chunker = _chunker(settings, dense)
        vectors = _vector_cache(settings, dense)
        if vectors:
            stack.push_async_callback(vectors.close)
        model = await asyncio.to_thread(_model, settings)
        if model:
            stack.push_async_callback(model.gateway.close)
        yield Index(
            generations=_generations(settings, dense, sparse, chunker),
            dense=dense,
            sparse=sparse,
            encoder=Encoder(dense, sparse, vectors),
            chunker=chunker,
            parsers=partial(_parsers, settings, dense),
            kind=named,
            contexts=_contexts(settings, dense, model),
        )


async def _closing(stack: AsyncExitStack, part: Any) -> Any:
    stack.push_async_callback(part.close)
    return part


def encoder(settings: Settings) -> DenseEncoder:
    """The bundled model or one that fastembed knows; else sentence-transformers."""
    wanted = settings.embedding
    if wanted.model == "bundled":
        from app.adapters.onnx_dense import BundledEncoder

        return BundledEncoder(threads=wanted.threads)
    from app.adapters.fastembed_dense import FastembedEncoder

    if FastembedEncoder.knows(wanted.model):
        return FastembedEncoder(wanted.model, threads=wanted.threads, batch_size=wanted.batch_size)
    from app.adapters.st_dense import SentenceTransformerEncoder

    return SentenceTransformerEncoder(
        wanted.model, threads=wanted.threads, batch_size=wanted.batch_size
    )


def _reranker(settings: Settings, scorer: SentenceScorer) -> Reranker | None:
    model = settings.reranking.model
    if model == "none":
        return None
    if model == "bundled":
        return scorer
    from app.adapters.fastembed_rerank import FastembedReranker

    if FastembedReranker.knows(model):
        return FastembedReranker(model)
    from app.adapters.st_rerank import CrossEncoderReranker

    return CrossEncoderReranker(model)


def _chunker(settings: Settings, dense: DenseEncoder) -> Chunker:
    return Chunker(
        dense.tokenizer,
        chunk_tokens=settings.ingestion.chunk_tokens,
        min_tokens=settings.ingestion.min_chunk_tokens,
        max_tokens=_chunk_window(settings, dense),
    )


def _chunk_window(settings: Settings, dense: DenseEncoder) -> int:
    """What a chunk with its headings may take of the encoder's window."""
    context = CONTEXT_TOKENS if settings.ingestion.context == "llm" else 0
    return dense.max_tokens - context


def _contexts(settings: Settings, dense: DenseEncoder, model: _Model | None) -> Contexts | None:
    if settings.ingestion.context == "none":
        return None
    if model is None:
        raise ConfigError(
            "ingestion.context is `llm`, but there is no chat model",
            hint="set OPENAI_API_KEY or OPENAI_BASE_URL, or ingestion.context to `none`",
        )
    from app.llm.context import ChunkContexts

    writer = ChunkContexts(model.gateway)
    return Contexts(writer, dense.count_tokens, dense.max_tokens)


def _parsers(settings: Settings, dense: DenseEncoder, workers: int) -> ParserPool:
    wanted = settings.ingestion
    recipe = Recipe(
        tokenizer=dense.tokenizer.to_str(),
        chunk_tokens=wanted.chunk_tokens,
        min_tokens=wanted.min_chunk_tokens,
        max_tokens=_chunk_window(settings, dense),
        max_file_bytes=wanted.max_file_mb * 1_000_000,
    )
    return ParserPool(
        recipe,
        workers=workers or wanted.workers,
        seconds=wanted.parse_timeout_s,
        megabytes=wanted.parse_memory_mb,
    )


def _vector_cache(settings: Settings, dense: DenseEncoder) -> VectorCache | None:
    megabytes = settings.ingestion.vector_cache_mb
    if not megabytes:
        return None
    from app.adapters.vector_cache import SqliteVectorCache

    return SqliteVectorCache(
        data_dir(settings) / "vectors.sqlite",
        model=dense.name,
        dimensions=dense.dimensions,
        megabytes=megabytes,
    )


def _cluster(
    settings: Settings, fingerprint: Mapping[str, Scalar], address: str, workers: int
) -> Cluster:
    """A Ray cluster whose workers get no more of the settings than they need."""
    qdrant = settings.qdrant
    secrets = {"url": _reveal(qdrant.url), "api_key": _reveal(qdrant.api_key)}
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
        dense = await _closing(stack, await asyncio.to_thread(encoder, settings))
        sparse = Bm25Encoder(settings.ingestion.language, settings.ingestion.bm25_avg_len)
        chunker = _chunker(settings, dense)
        if _fingerprint(settings, dense, sparse, chunker) != fingerprint:
            raise ConfigError(
                f"{socket.gethostname()} has another version or model than this machine",
                hint="install the same version of footnote-rag and the same models on every node",
            )
        store = None
        if settings.qdrant.url:
            generations = _generations(settings, dense, sparse, chunker)
            store = await _closing(stack, await generations.current())
        parsers = await stack.enter_async_context(_parsers(settings, dense, 1))
        yield Tools(parsers, Encoder(dense, sparse), store)


def _fingerprint(
    settings: Settings, dense: DenseEncoder, sparse: Bm25Encoder, chunker: Chunker
) -> Mapping[str, Scalar]:
    """What an index is made with."""
    return {
        "embedding": dense.name,
        "dimensions": dense.dimensions,
        "bm25": sparse.name,
        "chunker": chunker.name,
        "parser": PARSER_VERSION,
        "context": settings.ingestion.context,
    }


def _generations(
    settings: Settings, dense: DenseEncoder, sparse: Bm25Encoder, chunker: Chunker
) -> Generations:
    from app.adapters.generations import EdgeGenerations, ServerGenerations

    fingerprint = _fingerprint(settings, dense, sparse, chunker)
    wanted = settings.qdrant
    if not wanted.url:
        folder = data_dir(settings) / "index"
        return EdgeGenerations(folder, dimensions=dense.dimensions, fingerprint=fingerprint)
    from app.adapters.qdrant_server import connect

    url, key = wanted.url.get_secret_value(), _reveal(wanted.api_key)
    return ServerGenerations(
        partial(connect, url, key, timeout_s=wanted.timeout_s),
        wanted.collection,
        dimensions=dense.dimensions,
        fingerprint=fingerprint,
    )


def data_dir(settings: Settings) -> Path:
    """The folder of everything embedded. Raises ConfigError when it cannot be written."""
    folder = settings.data_dir.expanduser().absolute()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise ConfigError(
            f"the data folder {folder} cannot be written ({error.strerror})",
            hint="set FOOTNOTE_DATA_DIR to a folder that can",
        ) from error
    return folder


def _memory(settings: Settings) -> Any:
    if settings.database.url:
        return PostgresMemory.open(settings.database.url.get_secret_value())
    return SqliteMemory.open(data_dir(settings) / "conversations.sqlite")


def _jobs(settings: Settings) -> Any:
    """The queue that all servers share which see the same files.

    Processes of `footnote serve --workers N` without PostgreSQL share the SQLite file, whose
    lock lets one of them claim a job.
    """
    folder = data_dir(settings)
    if settings.database.url:
        return PostgresJobs.open(settings.database.url.get_secret_value(), _place(folder))
    return SqliteJobs.open(folder / "jobs.sqlite")


def _place(folder: Path) -> str:
    """The name of a data folder, whatever machine it is mounted on; made when it has none."""
    file = folder / "place"
    if not file.exists():
        new = folder / f"place.{uuid.uuid4().hex}"
        new.write_text(uuid.uuid4().hex)
        with suppress(FileExistsError):  # another server was faster
            os.link(new, file)
        new.unlink()
    return file.read_text()


def _cache(settings: Settings) -> AnswerCache | None:
    if not settings.cache.enabled:
        return None
    if settings.redis.url:
        return RedisAnswerCache(
            settings.redis.url.get_secret_value(),
            ttl_s=settings.cache.ttl_s,
            timeout_s=settings.redis.timeout_s,
        )
    return MemoryAnswerCache(settings.cache.ttl_s, settings.cache.max_answers)


def _limiter(settings: Settings) -> RateLimiter:
    rate = settings.api.rate_limit
    if rate == "none":
        return NoRateLimiter()
    if settings.redis.url:
        url = settings.redis.url.get_secret_value()
        return RedisRateLimiter(url, rate, timeout_s=settings.redis.timeout_s)
    return MemoryRateLimiter(rate)


@dataclass(frozen=True, slots=True)
class _Model:
    gateway: Gateway
    name: str
    prompts: PromptRegistry


def _model(settings: Settings) -> _Model | None:
    if not settings.has_chat_model:
        return None
    from app.adapters.openai_chat import OpenAIChat
    from app.llm.gateway import PromptGateway

    chat = OpenAIChat(
        settings.chat,
        api_key=_reveal(settings.openai_api_key) or "",
        base_url=settings.openai_base_url,
    )
    prompts = PromptRegistry.load()
    return _Model(
        PromptGateway(chat, prompts, timeout_s=settings.chat.timeout_s), chat.name, prompts
    )


def _skills(
    settings: Settings, dense: DenseEncoder, scorer: SentenceScorer, gateway: Gateway | None
) -> Skills:
    answer = settings.answer
    compressor = SentenceCompressor(scorer, dense.count_tokens)
    reader = ExtractiveReader(scorer, threshold=answer.answerable, most=answer.max_sentences)
    local = LocalVerifier(scorer, threshold=answer.supported)
    if gateway is None:
        return Skills(EntityCondenser(), RuleExpander(), compressor, reader, local, reader)
    return Skills(
        condenser=ModelCondenser(gateway),
        expander=ModelExpander(gateway),
        compressor=compressor,
        writer=ModelWriter(gateway),
        verifier=ModelVerifier(gateway, local),
        reserve=reader,
    )


def _identity(
    settings: Settings, dense: DenseEncoder, reranker: Reranker | None, model: _Model | None
) -> dict[str, str]:
    """What an answer depends on besides question and documents: part of the cache's key."""
    return {
        "dense": dense.name,
        "reranker": reranker.name if reranker else "",
        "chat": model.name if model else "",
        "prompts": repr(sorted(model.prompts.active.items())) if model else "",
        "settings": repr((settings.retrieval, settings.reranking, settings.answer, settings.chat)),
    }


def _tracer(settings: Settings, stack: AsyncExitStack) -> Callable[[], Sequence[Any]]:
    if not settings.has_tracing:
        return list
    from app.adapters.langfuse_tracing import LangfuseTracer

    tracer = LangfuseTracer(
        _reveal(settings.langfuse_public_key) or "",
        _reveal(settings.langfuse_secret_key) or "",
        settings.langfuse_host,
    )
    stack.push_async_callback(tracer.close)
    return tracer


def _reveal(secret: SecretStr | None) -> str | None:
    return secret.get_secret_value() if secret else None
