"""Settings: from the environment (`FOOTNOTE_<SECTION>__<KEY>`) and `footnote.toml`.

The environment wins. An unknown key or a bad value is refused by name. Nothing is read
at import: call `load_settings()` once, at the door.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from app.core.errors import ConfigError
from app.core.types import Fusion

PREFIX = "FOOTNOTE_"
Unit = Annotated[float, Field(ge=0.0, le=1.0)]
Weight = Annotated[float, Field(ge=0.0, allow_inf_nan=False)]
Seconds = Annotated[float, Field(gt=0.0)]
Positive = Annotated[int, Field(ge=1)]


class Section(BaseModel):
    """A section refuses keys that it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class QdrantSettings(Section):
    """Where chunks live. Without a `url`: Qdrant's engine, in a process of its own."""

    url: SecretStr | None = Field(
        None, description="Qdrant server; empty: embedded, under data_dir"
    )
    api_key: SecretStr | None = Field(None, description="key of the Qdrant server")
    collection: str = Field("footnote", description="name of the collection")
    timeout_s: Seconds = Field(10.0, description="longest wait for the server, seconds")


class RedisSettings(Section):
    """Answer cache and rate limits. Without a `url`: in the process."""

    url: SecretStr | None = Field(None, description="redis://… ; empty: in the process")
    timeout_s: Seconds = Field(0.5, description="longest wait before going on without it, seconds")


class DatabaseSettings(Section):
    """Conversations. Without a `url`: SQLite under `data_dir`."""

    url: SecretStr | None = Field(None, description="postgresql://… ; empty: SQLite in data_dir")


class EmbeddingSettings(Section):
    """The dense encoder."""

    model: str = Field(
        "bundled",
        description="`bundled`, a fastembed name, or a sentence-transformers name or folder",
    )
    threads: int = Field(0, ge=0, description="CPU threads; 0: all")
    batch_size: Positive = Field(16, description="texts encoded at once")


class RerankingSettings(Section):
    """The second look at the candidates."""

    model: str = Field(
        "bundled", description="`bundled`, `none`, or any cross-encoder by name or folder"
    )
    depth: Positive = Field(16, description="candidates that are reranked")
    settled: int = Field(
        4,
        ge=0,
        description="the bundled reader stops when no candidate left is likely to come among so "
        "many best ones, near the first; 0: all `depth` are read, as by other cross-encoders",
    )


class RetrievalSettings(Section):
    """Hybrid search."""

    depth: Positive = Field(50, description="candidates that each search contributes")
    k: Positive = Field(8, description="passages that go on to the answer")
    fusion: Fusion = Field(
        "question",
        description="`question`: scores, mixed as suits the question; `score`: scores, always "
        "mixed alike; `rank`: reciprocal ranks",
    )
    dense_weight: Weight = Field(1.0, description="weight of dense search in the fusion")
    bm25_weight: Weight = Field(1.0, description="weight of BM25 in the fusion")
    rrf_k: Positive = Field(60, description="constant of reciprocal ranks")
    merge_neighbours: bool = Field(
        True, description="chunks of one section that touch become one passage"
    )
    merged_chars: Positive = Field(2000, description="longest such passage, characters")
    near_copies: Unit = Field(
        0.9,
        description="a passage is left out when a better one says this share of it; 1: never",
    )
    mmr_lambda: Unit = Field(
        1.0, description="share of relevance against novelty (MMR) in the choice; 1: relevance only"
    )
    decay_half_life_days: float = Field(
        0.0,
        ge=0.0,
        allow_inf_nan=False,
        description="age at which a document's score is halved, days; 0: none",
    )
    filters_from_question: Literal["off", "rule", "model"] = Field(
        "off",
        description="whether dates, file types and tags that a question names narrow the search: "
        "`off`, by `rule` (English), by the chat `model`",
    )

    @model_validator(mode="after")
    def _one_search_is_left(self) -> Self:
        if self.dense_weight == self.bm25_weight == 0:
            raise ValueError("dense_weight and bm25_weight are both 0: nothing would be searched")
        return self


class ChatSettings(Section):
    """The chat model. None is configured until a key or a base URL is given."""

    model: str = Field("gpt-4.1-mini", description="name sent to the API")
    temperature: float = Field(0.0, ge=0, le=2, description="sampling temperature")
    timeout_s: Seconds = Field(30.0, description="longest wait for a reply or its next piece")
    max_retries: int = Field(2, ge=0, le=10, description="tries after a 429, 5xx or lost link")
    max_output_tokens: Positive = Field(800, description="longest reply, tokens")
    input_usd_per_million: float | None = Field(None, ge=0, description="price of input tokens")
    output_usd_per_million: float | None = Field(None, ge=0, description="price of output tokens")


class AnswerSettings(Section):
    """How an answer is made and when it is refused."""

    context_tokens: Positive = Field(1500, description="budget of evidence in the prompt, tokens")
    relevant: Unit = Field(
        0.3, description="evidence scored below this is thin: other searches are tried"
    )
    # Nearly all answered questions reach it: `eval/training/fit_ranking.py` prints what 98.5 % do.
    answerable: Unit = Field(
        0.16,
        description="evidence that answers with less probability is not quoted: the answer is a no",
    )
    # Right short answers are what readers like best and wrong ones what they forgive least: the
    # bundled reader's F1 is 58.4 % of XQuAD, so it highlights them in their sentence instead.
    short: float = Field(
        2.0,
        ge=0,
        description="the reader answers a question for a fact in a few words when it is this "
        "sure of their place, such as 0.2; beyond 1: never",
    )
    highlight: float = Field(
        0.2,
        ge=0,
        description="the words of a sentence that answer are highlighted when the reader is this "
        "sure of their place; beyond 1: never",
    )
    max_rewrites: int = Field(2, ge=0, le=5, description="rounds of rewriting thin questions")
    max_drafts: Positive = Field(2, description="drafts before abstaining")
    max_sentences: Positive = Field(3, description="sentences the extractive reader quotes")
    # On XQuAD the sentences shown agree with the marked answers by F1 11.8 %, by 6.3 with a default
    # of 99, and what is highlighted by 58.4 and 58.0, says `python -m eval.bench reading
    # --questions 75`.
    margin: float = Field(
        3.0,
        ge=0,
        description="a sentence that the extractive reader finds worse than the best by more than "
        "this, in log-odds, is not quoted",
    )
    supported: Unit = Field(0.5, description="support below this is doubted")
    deadline_ms: Positive = Field(60_000, description="time for an answer when none is asked for")
    max_question_chars: Positive = Field(8_000, description="longest question, characters")
    history_messages: int = Field(12, ge=0, description="messages of history that are read")


class IngestionSettings(Section):
    """Documents to chunks."""

    chunk_tokens: int = Field(220, ge=32, description="longest chunk, tokens of the encoder")
    min_chunk_tokens: int = Field(24, ge=0, description="shorter sections join their neighbour")
    max_file_mb: Positive = Field(100, description="larger files are refused, megabytes")
    workers: int = Field(
        0, ge=0, description="processes that read files; 0: one for every two cores"
    )
    parse_timeout_s: Seconds = Field(120.0, description="longest time for one file, seconds")
    parse_memory_mb: Positive = Field(2048, description="memory for one file, megabytes")
    near_duplicates: Literal["flag", "skip", "ignore"] = Field(
        "flag",
        description="what is nearly the same as another document: `flag`, `skip`, `ignore`",
    )
    near_threshold: Unit = Field(0.9, description="Jaccard similarity that is nearly the same")
    context: Literal["none", "llm"] = Field(
        "none",
        description="`llm`: the chat model says where a chunk stands, searched with it",
    )
    vector_cache_mb: int = Field(
        4096, ge=0, description="vectors of earlier runs that are kept, megabytes; 0: none"
    )
    bm25_avg_len: float = Field(110.0, gt=0, description="mean BM25 terms of a chunk")
    language: str = Field("english", description="language of a text that tells none, for BM25")


class CacheSettings(Section):
    """The exact-match answer cache."""

    enabled: bool = Field(True, description="remember answers")
    ttl_s: Positive = Field(3600, description="how long, seconds")
    max_answers: Positive = Field(1000, description="how many, in the process")


class ApiSettings(Section):
    """The HTTP door."""

    key: SecretStr | None = Field(None, description="key that clients must send; empty: open")
    tenant: str = Field("default", description="tenant that the API serves")
    rate_limit: str = Field("120/minute", description="requests a client may make; `none`: any")
    max_body_mb: Positive = Field(50, description="larger request bodies are refused, megabytes")
    max_concurrent: Positive = Field(64, description="answers in the making at once")


class LogSettings(Section):
    """Logs, on stderr."""

    level: Literal["debug", "info", "warning", "error"] = Field("info", description="how much")
    format: Literal["json", "text"] = Field("json", description="for machines or for people")


class Settings(BaseSettings):
    """All settings. Frozen; secrets show as `**********`."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        env_ignore_empty=True,
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        toml_file="footnote.toml",
        populate_by_name=True,
    )

    data_dir: Path = Field(Path(".footnote"), description="folder of everything embedded")
    qdrant: QdrantSettings = QdrantSettings()
    redis: RedisSettings = RedisSettings()
    database: DatabaseSettings = DatabaseSettings()
    embedding: EmbeddingSettings = EmbeddingSettings()
    reranking: RerankingSettings = RerankingSettings()
    retrieval: RetrievalSettings = RetrievalSettings()
    chat: ChatSettings = ChatSettings()
    answer: AnswerSettings = AnswerSettings()
    ingestion: IngestionSettings = IngestionSettings()
    cache: CacheSettings = CacheSettings()
    api: ApiSettings = ApiSettings()
    log: LogSettings = LogSettings()

    openai_api_key: SecretStr | None = Field(
        None, validation_alias="OPENAI_API_KEY", description="key of the chat model's API"
    )
    openai_base_url: str | None = Field(
        None, validation_alias="OPENAI_BASE_URL", description="address of an OpenAI-compatible API"
    )
    langfuse_public_key: SecretStr | None = Field(
        None, validation_alias="LANGFUSE_PUBLIC_KEY", description="Langfuse project, public key"
    )
    langfuse_secret_key: SecretStr | None = Field(
        None, validation_alias="LANGFUSE_SECRET_KEY", description="Langfuse project, secret key"
    )
    langfuse_host: str | None = Field(
        None, validation_alias="LANGFUSE_HOST", description="address of the Langfuse server"
    )

    @property
    def has_chat_model(self) -> bool:
        """Whether a chat model is configured."""
        return bool(self.openai_api_key or self.openai_base_url)

    @property
    def has_tracing(self) -> bool:
        """Whether answers are traced in Langfuse."""
        return bool(self.langfuse_public_key and self.langfuse_secret_key)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """What a caller passes wins over the environment, which wins over the file."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)


def load_settings(**overrides: Any) -> Settings:
    """Read the settings.

    Args:
        overrides: Sections or keys that win over the environment and the file.

    Raises:
        ConfigError: A key is unknown or a value is bad; the message names the key and
            never repeats the value.
    """
    _refuse_unknown_variables(os.environ)
    try:
        return Settings(**overrides)
    except ValidationError as error:
        raise ConfigError("; ".join(_faults(error)), hint="see the settings table in README.md")  # noqa: B904 - the cause holds the value, which may be a secret
    except SettingsError:
        raise ConfigError(  # noqa: B904 - as above
            "a FOOTNOTE_ variable that names a whole section is not a JSON object",
            hint="set single keys: FOOTNOTE_<SECTION>__<KEY>",
        )
    except ValueError as error:  # footnote.toml is not TOML
        raise ConfigError(
            f"footnote.toml cannot be read: {error}", hint="mend its syntax"
        ) from error


def setting_names() -> Iterator[tuple[str, str, Any]]:
    """(environment name, description, default) of every setting, in order."""
    for name, info in Settings.model_fields.items():
        section = info.default
        if isinstance(section, Section):
            for key, inner in type(section).model_fields.items():
                yield f"{PREFIX}{name}__{key}".upper(), inner.description or "", inner.default
        else:
            alias = info.validation_alias
            variable = alias if isinstance(alias, str) else f"{PREFIX}{name}".upper()
            yield variable, info.description or "", info.default


def _refuse_unknown_variables(environment: Mapping[str, str]) -> None:
    known = {name for name, _, _ in setting_names()}
    known |= {f"{PREFIX}{n}".upper() for n in Settings.model_fields}
    for name in sorted(environment):
        if name.upper().startswith(PREFIX) and name.upper() not in known:
            close = difflib.get_close_matches(name.upper(), sorted(known), n=1)
            hint = f"did you mean {close[0]}?" if close else "see the settings table in README.md"
            raise ConfigError(f"unknown setting {name}", hint=hint)


def _faults(error: ValidationError) -> Iterator[str]:
    for fault in error.errors(include_input=False, include_url=False, include_context=False):
        key = ".".join(str(part) for part in fault["loc"])
        if fault["type"] == "extra_forbidden":
            yield f"unknown setting {key}"
        else:
            yield f"bad value for {key}: {fault['msg']}"
