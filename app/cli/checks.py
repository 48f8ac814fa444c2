"""The checks of `footnote doctor`: each looks at one part and says what it found."""

from __future__ import annotations

import asyncio
import importlib.util
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from app.core.errors import FootnoteError, LockedError

if TYPE_CHECKING:
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
    from app.core.settings import load_settings

    try:
        settings = load_settings()
    except FootnoteError as error:
        return [_problem("settings", error), await _guarded("prompts", _prompts)]
    checks: dict[str, Callable[[Settings], Awaitable[Finding]]] = {
        "data folder": _data_folder,
        "bundled model": _bundled_model,
        "Qdrant": lambda s: _server("Qdrant", "QDRANT", s.qdrant.url, "the index is embedded"),
        "Redis": lambda s: _server("Redis", "REDIS", _reveal(s.redis.url), "cache is in memory"),
        "database": lambda s: _server(
            "database", "DATABASE", _reveal(s.database.url), "conversations are in SQLite"
        ),
        "index": _index,
        "chat model": _chat_model,
        "prompts": lambda _: _prompts(),
    }
    findings = [Finding("settings", "ok", "read")]
    for name, check in checks.items():
        findings.append(await _guarded(name, lambda check=check: check(settings)))  # type: ignore[misc]
    return findings + [_extra(name, settings) for name in EXTRAS]


async def _guarded(name: str, check: Callable[[], Awaitable[Finding]]) -> Finding:
    try:
        return await check()
    except FootnoteError as error:
        return _problem(name, error)
    except Exception as error:  # noqa: BLE001 - one broken part must not hide the others
        return Finding(name, "problem", f"the check failed ({type(error).__name__})")


def _problem(name: str, error: FootnoteError) -> Finding:
    return Finding(name, "problem", error.message, error.hint)


async def _data_folder(settings: Settings) -> Finding:
    folder = settings.data_dir.absolute()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        hint = "make it writable or set FOOTNOTE_DATA_DIR"
        return Finding("data folder", "problem", f"{folder}: {error.strerror}", hint)
    return Finding("data folder", "ok", str(folder))


async def _bundled_model(settings: Settings) -> Finding:
    from app.adapters import bundled

    if "bundled" not in (settings.embedding.model, settings.reranking.model):
        return Finding("bundled model", "off", "other models are set")
    return Finding("bundled model", "ok", f"{bundled.NAME}, {bundled.weights()}")


async def _server(name: str, section: str, url: str | None, otherwise: str) -> Finding:
    """Whether something listens at the address; never shows more of it than host and port."""
    if not url:
        return Finding(name, "off", f"not set: {otherwise}")
    hint = f"start it or correct FOOTNOTE_{section}__URL"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or PORTS.get(parts.scheme.split("+")[0], 0)
    except ValueError:
        return Finding(name, "problem", "its URL is not a URL", hint)
    try:
        async with asyncio.timeout(TIMEOUT_S):
            _, writer = await asyncio.open_connection(host, port)
        writer.close()
    except (OSError, TimeoutError):
        return Finding(name, "problem", f"nothing answers at {host}:{port}", hint)
    return Finding(name, "ok", f"{host}:{port} answers")


async def _index(settings: Settings) -> Finding:
    """Open the service as every command does, which also proves that its parts fit together."""
    from app.wiring import open_footnote

    try:
        async with open_footnote(settings) as footnote:
            info = await footnote.store.info()
    except LockedError:
        return Finding("index", "ok", "in use by another process, a running server for instance")
    return Finding(
        "index", "ok", f"{info.documents} documents, {info.chunks} chunks; {info.location}"
    )


async def _chat_model(settings: Settings) -> Finding:
    if not settings.has_chat_model:
        hint = "set OPENAI_API_KEY or OPENAI_BASE_URL for written answers"
        return Finding("chat model", "off", "none: answers are exact quotes", hint)
    host = urlsplit(settings.openai_base_url or "").hostname or "the OpenAI API"
    return Finding("chat model", "ok", f"{settings.chat.model} at {host}, not called")


async def _prompts() -> Finding:
    from prompts import PromptRegistry

    return Finding("prompts", "ok", f"{len(PromptRegistry.load().active)}, all valid")


def _extra(name: str, settings: Settings) -> Finding:
    missing = [module for module in EXTRAS[name] if importlib.util.find_spec(module) is None]
    title, hint = f"extra {name}", f"pip install 'footnote-rag[{name}]'"
    if not missing:
        return Finding(title, "ok", "installed")
    detail = f"not installed: {', '.join(missing)}"
    if set(missing) & _needed(settings):
        return Finding(title, "problem", f"{detail}, which the settings ask for", hint)
    return Finding(title, "off", detail, hint)


def _needed(settings: Settings) -> set[str]:
    wanted = {
        "qdrant_client": settings.qdrant.url,
        "redis": settings.redis.url,
        "psycopg": settings.database.url,
        "langfuse": settings.has_tracing,
    }
    return {module for module, on in wanted.items() if on}


def _reveal(url: object) -> str | None:
    from pydantic import SecretStr

    return url.get_secret_value() if isinstance(url, SecretStr) else None
