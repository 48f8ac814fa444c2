"""The checks of `footnote doctor`: each looks at one part and says what it found."""

from __future__ import annotations

import asyncio
import importlib.util
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from app.core.errors import FootnoteError, LockedError

if TYPE_CHECKING:
    from pydantic import SecretStr

    from app.core.settings import Settings

TIMEOUT_S = 5.0
PORTS = {"http": 80, "https": 443, "redis": 6379, "rediss": 6379, "postgresql": 5432}
EXTRAS = {
    "server": ("qdrant_client", "redis", "psycopg", "langfuse"),
    "torch": ("sentence_transformers", "torch"),
    "eval": ("ragas", "rank_bm25"),
}


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found. `off` is a part that is not set up and not needed."""

    name: str
    state: Literal["ok", "off", "problem"]
    detail: str
    hint: str = ""


async def examine() -> list[Finding]:
    """All checks; without readable settings, only those that need none."""
    from app.cli.logs import set_up_logs
    from app.core.settings import load_settings

    try:
        settings = load_settings()
    except FootnoteError as error:
        return [_problem("settings", error), *await _guarded("prompts", _prompts)]
    set_up_logs(settings.log, least=logging.CRITICAL)  # the findings say it
    qdrant, redis = _reveal(settings.qdrant.url), _reveal(settings.redis.url)
    database = _reveal(settings.database.url)
    checks: dict[str, Callable[[], Awaitable[Sequence[Finding]]]] = {
        "data folder": lambda: _data_folder(settings),
        "bundled model": lambda: _bundled_model(settings),
        "Qdrant": lambda: _server("Qdrant", qdrant, "the index is embedded"),
        "Redis": lambda: _server("Redis", redis, "the cache is in memory"),
        "database": lambda: _server("database", database, "conversations are in SQLite"),
        "index": lambda: _service(settings),
        "chat model": lambda: _chat_model(settings),
        "prompts": _prompts,
        "extras": lambda: _extras(settings),
    }
    findings = [Finding("settings", "ok", "read")]
    for name, check in checks.items():
        findings += await _guarded(name, check)
    return findings


async def _guarded(
    name: str, check: Callable[[], Awaitable[Sequence[Finding]]]
) -> Sequence[Finding]:
    """A check's findings; one broken part must not hide the others."""
    try:
        return await check()
    except FootnoteError as error:
        return [_problem(name, error)]
    except Exception as error:  # noqa: BLE001 - whatever it is, it is a finding
        return [Finding(name, "problem", f"the check failed ({type(error).__name__})")]


def _problem(name: str, error: FootnoteError) -> Finding:
    return Finding(name, "problem", error.message, error.hint)


async def _data_folder(settings: Settings) -> Sequence[Finding]:
    from app.parts import data_dir

    return [Finding("data folder", "ok", str(data_dir(settings)))]


async def _bundled_model(settings: Settings) -> Sequence[Finding]:
    from app.adapters import bundled

    if "bundled" not in (settings.embedding.model, settings.reranking.model):
        return [Finding("bundled model", "off", "other models are set")]
    return [Finding("bundled model", "ok", f"{bundled.NAME}, {bundled.weights()}")]


async def _server(name: str, url: str | None, otherwise: str) -> Sequence[Finding]:
    """Whether something listens at the address; shows no more of it than host and port."""
    if not url:
        return [Finding(name, "off", f"not set: {otherwise}")]
    hint = f"start it or correct FOOTNOTE_{name.upper()}__URL"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or PORTS.get(parts.scheme.split("+")[0], 0)
    except ValueError:
        return [Finding(name, "problem", "its URL is not a URL", hint)]
    try:
        async with asyncio.timeout(TIMEOUT_S):
            _, writer = await asyncio.open_connection(host, port)
        writer.close()
    except (OSError, TimeoutError):
        return [Finding(name, "problem", f"nothing answers at {host}:{port}", hint)]
    return [Finding(name, "ok", f"{host}:{port} answers")]


async def _service(settings: Settings) -> Sequence[Finding]:
    """Open the service as every command does, which also proves that its parts fit together."""
    from app.wiring import open_footnote

    try:
        async with open_footnote(settings) as footnote:
            info = await footnote.store.info()
            parts = await footnote.readiness()
    except LockedError:
        return [Finding("index", "ok", "in use by another process, perhaps a running server")]
    contents = f"{info.documents} documents, {info.chunks} chunks; {info.location}"
    return [
        Finding(part, "ok", contents if part == "index" else "works")
        if state == "ok"
        else Finding(part, "problem", state)
        for part, state in parts.items()
    ]


async def _chat_model(settings: Settings) -> Sequence[Finding]:
    if not settings.has_chat_model:
        hint = "set OPENAI_API_KEY or OPENAI_BASE_URL for written answers"
        return [Finding("chat model", "off", "none: answers are exact quotes", hint)]
    host = urlsplit(settings.openai_base_url or "").hostname or "the OpenAI API"
    return [Finding("chat model", "ok", f"{settings.chat.model} at {host}, not called")]


async def _prompts() -> Sequence[Finding]:
    from prompts import PromptRegistry

    return [Finding("prompts", "ok", f"{len(PromptRegistry.load().active)}, all valid")]


async def _extras(settings: Settings) -> Sequence[Finding]:
    return [_extra(name, modules, _needed(settings)) for name, modules in EXTRAS.items()]


def _extra(name: str, modules: Sequence[str], needed: set[str]) -> Finding:
    missing = [module for module in modules if importlib.util.find_spec(module) is None]
    title, hint = f"extra {name}", f"pip install 'footnote-rag[{name}]'"
    if not missing:
        return Finding(title, "ok", "installed")
    detail = f"not installed: {', '.join(missing)}"
    if needed.isdisjoint(missing):
        return Finding(title, "off", detail, hint)
    return Finding(title, "problem", f"{detail}, which the settings ask for", hint)


def _needed(settings: Settings) -> set[str]:
    wanted = {
        "qdrant_client": settings.qdrant.url,
        "redis": settings.redis.url,
        "psycopg": settings.database.url,
        "langfuse": settings.has_tracing,
    }
    return {module for module, on in wanted.items() if on}


def _reveal(url: SecretStr | None) -> str | None:
    return url.get_secret_value() if url else None
