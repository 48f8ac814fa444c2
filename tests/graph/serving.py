"""The real service behind the real HTTP door, in the test's own event loop."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import uvicorn

from app.api.server import create_app
from app.core.settings import Settings
from app.core.types import Answer
from app.wiring import open_footnote
from tests.api.chatting import CHAT, DONE, body, chunks, text_of


@asynccontextmanager
async def serving(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a server with these settings."""
    app = await asyncio.to_thread(create_app, lambda: open_footnote(settings), settings)
    config = uvicorn.Config(app, host="127.0.0.1", port=0, lifespan="on", log_config=None)
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())
    while not server.started and not task.done():
        await asyncio.sleep(0.005)
    assert server.started, "the service could not be opened"
    host, port = server.servers[0].sockets[0].getsockname()[:2]
    try:
        async with httpx.AsyncClient(base_url=f"http://{host}:{port}", timeout=30) as client:
            yield client
    finally:
        server.should_exit = True
        await task


@dataclass(frozen=True)
class Ended:
    """How a request over HTTP ended."""

    text: str
    answer: Answer


async def ask_http(
    client: httpx.AsyncClient, question: str, *, stream: bool, **extras: Any
) -> Ended:
    """Ask plainly or streamed, and make sure of one orderly end."""
    request = body(question, stream=stream, footnote=extras)
    if not stream:
        response = await client.post(CHAT, json=request)
        assert response.status_code == 200, response.text
        whole = response.json()
        return Ended(whole["choices"][0]["message"]["content"], Answer(**whole["footnote"]))
    async with client.stream("POST", CHAT, json=request) as response:
        assert response.status_code == 200, await response.aread()
        raw = (await response.aread()).decode()
    blocks = [b for b in raw.split("\n\n") if b and not b.startswith(":")]
    data = [block.removeprefix("data: ") for block in blocks]
    assert data.count(DONE) == 1 and data[-1] == DONE
    told = chunks(data)
    assert not any("error" in chunk for chunk in told), json.dumps(told[-1])
    finished = [c for c in told if c["choices"] and c["choices"][0]["finish_reason"]]
    assert len(finished) == 1
    return Ended(text_of(data), Answer(**finished[0]["footnote"]))
