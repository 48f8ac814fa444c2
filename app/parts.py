"""Settings to the parts of a service, each made on its own; `wiring.py` puts them together."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from app.adapters.answer_cache import MemoryAnswerCache, RedisAnswerCache
from app.adapters.bm25 import Bm25Encoder
from app.adapters.memory import PostgresMemory, SqliteMemory
from app.adapters.own_models import find_ranking, find_reader
from app.adapters.postgres_jobs import PostgresJobs
from app.adapters.ranker import WEIGHTS, CalibratedRanker
from app.adapters.rate_limit import MemoryRateLimiter, NoRateLimiter, RedisRateLimiter
from app.adapters.reader import BundledReader
from app.adapters.sentence_scorer import SentenceScorer
from app.adapters.sqlite_jobs import SqliteJobs
from app.core.errors import ConfigError
from app.core.ports import (
    AnswerCache,
    ChatModel,
    DenseEncoder,
    Gateway,
    Generations,
    Ranker,
    RateLimiter,
    Reader,
    Reranker,
    VectorCache,
)
from app.core.settings import Settings
from app.core.types import Scalar
from graphs.context import FilterReader, Skills
from graphs.skills.compress import SentenceCompressor
from graphs.skills.condense import EntityCondenser, ModelCondenser
from graphs.skills.expand import ModelExpander, RuleExpander
from graphs.skills.filters import ModelFilters, RuleFilters
from graphs.skills.quote import ExtractiveReader
from graphs.skills.verify import LocalVerifier, ModelVerifier
from graphs.skills.write import ModelWriter
from ingestion.chunk import Chunker
from ingestion.context import CONTEXT_TOKENS, Contexts
from ingestion.isolation import ParserPool, Spare
from ingestion.parse import VERSION as PARSER_VERSION
from ingestion.prepare import Recipe
from prompts import PromptRegistry


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


def cross_encoder(settings: Settings) -> Reranker | None:
    """Another model than ours to hold question and passage together; None for ours."""
    model = settings.reranking.model
    if model in ("none", "bundled"):
        return None
    from app.adapters.fastembed_rerank import FastembedReranker

    if FastembedReranker.knows(model):
        return FastembedReranker(model)
    from app.adapters.st_rerank import CrossEncoderReranker

    return CrossEncoderReranker(model)


def reader(settings: Settings) -> BundledReader:
    """The bundled reader, as adapted to the user's documents if it is."""
    return BundledReader(find_reader(data_dir(settings)))


def ranker(settings: Settings, reader: Reader, other: Reranker | None) -> CalibratedRanker:
    """The final score, as fitted to the user's documents if it is."""
    own = find_ranking(data_dir(settings), other.name if other else reader.name)
    return CalibratedRanker.load(reader, other, own or WEIGHTS, settled=settings.reranking.settled)


def chunker(settings: Settings, dense: DenseEncoder) -> Chunker:
    """Cuts documents to the encoder's measure."""
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


def contexts(settings: Settings, dense: DenseEncoder, model: Model | None) -> Contexts | None:
    """Puts a model's words in front of each chunk, if the settings want that."""
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


def parsers(
    settings: Settings, dense: DenseEncoder, workers: int, spare: Spare | None = None
) -> ParserPool:
    """The worker processes of a run; `workers` is 0 for the setting."""
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
        workers=workers or wanted.workers or max(1, (os.cpu_count() or 1) // 2),
        seconds=wanted.parse_timeout_s,
        megabytes=wanted.parse_memory_mb,
        spare=spare,
    )


def vector_cache(settings: Settings, dense: DenseEncoder) -> VectorCache | None:
    """Vectors of earlier runs, if they are kept."""
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


def fingerprint(
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


def generations(
    settings: Settings, dense: DenseEncoder, sparse: Bm25Encoder, chunker: Chunker
) -> Generations:
    """The generations of the index that the settings name."""
    from app.adapters.generations import EdgeGenerations, ServerGenerations

    made_with = fingerprint(settings, dense, sparse, chunker)
    wanted = settings.qdrant
    if not wanted.url:
        folder = data_dir(settings) / "index"
        return EdgeGenerations(folder, dimensions=dense.dimensions, fingerprint=made_with)
    from app.adapters.qdrant_server import connect

    url, key = wanted.url.get_secret_value(), reveal(wanted.api_key)
    return ServerGenerations(
        partial(connect, url, key, timeout_s=wanted.timeout_s),
        wanted.collection,
        dimensions=dense.dimensions,
        fingerprint=made_with,
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


def memory(settings: Settings) -> Any:
    """Conversations and feedback, still to be opened."""
    if settings.database.url:
        return PostgresMemory.open(settings.database.url.get_secret_value())
    return SqliteMemory.open(data_dir(settings) / "conversations.sqlite")


def jobs(settings: Settings) -> Any:
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


def cache(settings: Settings) -> AnswerCache | None:
    """The answer cache, if it is on."""
    if not settings.cache.enabled:
        return None
    if settings.redis.url:
        return RedisAnswerCache(
            settings.redis.url.get_secret_value(),
            ttl_s=settings.cache.ttl_s,
            timeout_s=settings.redis.timeout_s,
        )
    return MemoryAnswerCache(settings.cache.ttl_s, settings.cache.max_answers)


def limiter(settings: Settings) -> RateLimiter:
    """Counts requests, where these are limited."""
    rate = settings.api.rate_limit
    if rate == "none":
        return NoRateLimiter()
    if settings.redis.url:
        url = settings.redis.url.get_secret_value()
        return RedisRateLimiter(url, rate, timeout_s=settings.redis.timeout_s)
    return MemoryRateLimiter(rate)


@dataclass(frozen=True, slots=True)
class Model:
    """A chat model behind its gateway, and the prompts that it gets."""

    gateway: Gateway
    name: str
    prompts: PromptRegistry


def chat(settings: Settings) -> ChatModel:
    """The chat model that is configured."""
    from app.adapters.openai_chat import OpenAIChat

    return OpenAIChat(
        settings.chat,
        api_key=reveal(settings.openai_api_key) or "",
        base_url=settings.openai_base_url,
    )


def model(settings: Settings) -> Model | None:
    """The chat model, if one is configured."""
    if not settings.has_chat_model:
        return None
    from app.llm.gateway import PromptGateway

    talker, prompts = chat(settings), PromptRegistry.load()
    return Model(
        PromptGateway(talker, prompts, timeout_s=settings.chat.timeout_s), talker.name, prompts
    )


def skills(
    settings: Settings, dense: DenseEncoder, ranker: Ranker, reader: Reader, gateway: Gateway | None
) -> Skills:
    """What nodes can do, with a model or by rules and small models."""
    answer, scorer = settings.answer, SentenceScorer.load(dense)
    compressor = SentenceCompressor(scorer, dense.count_tokens)
    quoter = ExtractiveReader(
        ranker,
        reader,
        scorer,
        threshold=answer.answerable,
        sure=answer.short,
        clear=answer.highlight,
        most=answer.max_sentences,
        margin=answer.margin,
    )
    local = LocalVerifier(scorer, threshold=answer.supported)
    filters = filter_reader(settings, gateway)
    if gateway is None:
        return Skills(EntityCondenser(), RuleExpander(), compressor, quoter, local, quoter, filters)
    return Skills(
        condenser=ModelCondenser(gateway),
        expander=ModelExpander(gateway),
        compressor=compressor,
        writer=ModelWriter(gateway),
        verifier=ModelVerifier(gateway, local),
        reserve=quoter,
        filters=filters,
    )


def filter_reader(settings: Settings, gateway: Gateway | None) -> FilterReader | None:
    """What reads filters out of questions, if that is wanted."""
    wanted = settings.retrieval.filters_from_question
    if wanted == "off":
        return None
    return ModelFilters(gateway, RuleFilters()) if wanted == "model" and gateway else RuleFilters()


def identity(
    settings: Settings, dense: DenseEncoder, ranker: CalibratedRanker, model: Model | None
) -> dict[str, str]:
    """What an answer depends on besides question and documents: part of the cache's key."""
    return {
        "dense": dense.name,
        "reranker": ranker.identity,
        "chat": model.name if model else "",
        "prompts": repr(sorted(model.prompts.active.items())) if model else "",
        "settings": repr((settings.retrieval, settings.reranking, settings.answer, settings.chat)),
    }


def tracer(settings: Settings, stack: AsyncExitStack) -> Callable[[], Sequence[Any]]:
    """Gives the callbacks that trace a question; none without Langfuse."""
    if not settings.has_tracing:
        return list
    from app.adapters.langfuse_tracing import LangfuseTracer

    tracer = LangfuseTracer(
        reveal(settings.langfuse_public_key) or "",
        reveal(settings.langfuse_secret_key) or "",
        settings.langfuse_host,
    )
    stack.push_async_callback(tracer.close)
    return tracer


def reveal(secret: SecretStr | None) -> str | None:
    """A secret's value, for the one who connects with it."""
    return secret.get_secret_value() if secret else None
