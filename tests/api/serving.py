"""Starts a real server in the test's own event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, cast

import uvicorn
from fastapi import FastAPI
from openai import AsyncOpenAI

from app.api.server import create_app
from app.core.settings import ApiSettings, Settings
from app.service import Footnote
from tests.api.scripted import Scripted

Serve = Callable[..., Awaitable[str]]


def make_app(scripted: Scripted, **api: Any) -> FastAPI:
    @asynccontextmanager
    async def factory() -> AsyncIterator[Footnote]:
        async with scripted.open():
            yield cast(Footnote, scripted)

    token = api.pop("operator_token", "")
    return create_app(factory, Settings(api=ApiSettings(**api)), token)


@asynccontextmanager
async def serving(scripted: Scripted, **api: Any) -> AsyncIterator[uvicorn.Server]:
    app = await asyncio.to_thread(make_app, scripted, **api)  # reads files, as at start
    config = uvicorn.Config(app, host="127.0.0.1", port=0, lifespan="on", log_config=None)
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())
    while not server.started and not task.done():
        await asyncio.sleep(0.005)
    try:
        yield server
    finally:
        server.should_exit = True
        await task


def address(server: uvicorn.Server) -> str:
    host, port = server.servers[0].sockets[0].getsockname()[:2]
    return f"http://{host}:{port}"


def openai_client(base_url: str, key: str = "none") -> AsyncOpenAI:
    return AsyncOpenAI(base_url=f"{base_url.rstrip('/')}/v1", api_key=key, max_retries=0)
