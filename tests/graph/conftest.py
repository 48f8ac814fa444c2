"""The library that the graph's tests ask.

A module's tests share one open service, made with the module's SETTINGS: `reader` has no
chat model, `writer` has one by script. Or they open their own; the index is locked, so a
module does the one or the other.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import pytest_asyncio
import structlog

from app.service import Footnote
from tests.graph.library import Library, made_library
from tests.support.scripted_openai import ScriptedOpenAI


@pytest.fixture(autouse=True)
def nothing_blocks() -> None:
    """Opening the service may block, as a start may: `Library.open` guards what follows."""


@pytest.fixture(autouse=True)
def logs_as_served() -> Iterator[None]:
    """Lines of JSON: structlog's default prints tracebacks whose drawing reads files."""
    structlog.configure(
        processors=[structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    )
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    """Documents of two tenants, ingested once: tests only read them."""
    return asyncio.run(made_library(tmp_path_factory.mktemp("library")))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def reader(library: Library, request: pytest.FixtureRequest) -> AsyncIterator[Footnote]:
    async with library.open(**_settings(request)) as footnote:
        yield footnote


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def writer(
    library: Library, server: ScriptedOpenAI, request: pytest.FixtureRequest
) -> AsyncIterator[Footnote]:
    async with library.open(server, **_settings(request)) as footnote:
        yield footnote


@pytest.fixture(scope="module")
def server() -> Iterator[ScriptedOpenAI]:
    """The chat model of `writer`; `Chat(server, …)` says what it says in a test."""
    with ScriptedOpenAI() as scripted:
        yield scripted


def _settings(request: pytest.FixtureRequest) -> dict[str, Any]:
    return {"cache": {"enabled": False}, **getattr(request.module, "SETTINGS", {})}
