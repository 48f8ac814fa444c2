"""A real server on a free port, in the test's own event loop, and clients for it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from typing import Any

import httpx
import pytest
import structlog
from openai import AsyncOpenAI

from tests.api.scripted import Scripted
from tests.api.serving import Serve, address, openai_client, serving


@pytest.fixture(autouse=True)
def logs_as_served() -> Iterator[None]:
    """Lines of JSON: structlog's default prints tracebacks whose drawing reads files."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ]
    )
    yield
    structlog.reset_defaults()


@pytest.fixture
def scripted() -> Scripted:
    return Scripted()


@pytest.fixture
async def serve(scripted: Scripted) -> AsyncIterator[Serve]:
    """Start a server: `base_url = await serve(key="…", max_body_mb=1)`."""
    async with AsyncExitStack() as running:

        async def start(**api: Any) -> str:
            server = await running.enter_async_context(serving(scripted, **api))
            return address(server)

        yield start


@pytest.fixture
async def http(serve: Serve) -> AsyncIterator[httpx.AsyncClient]:
    """A plain HTTP client of a server with default settings."""
    async with httpx.AsyncClient(base_url=await serve()) as http_client:
        yield http_client


@pytest.fixture
async def client(http: httpx.AsyncClient) -> AsyncIterator[AsyncOpenAI]:
    """The official client, unmodified, of the same server."""
    async with openai_client(str(http.base_url)) as official:
        yield official
