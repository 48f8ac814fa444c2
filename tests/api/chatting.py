"""Short ways to ask over HTTP and to read a stream."""

from __future__ import annotations

import json
from typing import Any

import httpx

CHAT = "/v1/chat/completions"
DONE = "[DONE]"


def body(question: str = "How many days?", **members: Any) -> dict[str, Any]:
    return {"model": "footnote", "messages": [{"role": "user", "content": question}], **members}


async def events(http: httpx.AsyncClient, **members: Any) -> list[str]:
    """The data of every event of a stream, to its end."""
    async with http.stream("POST", CHAT, json=body(stream=True, **members)) as response:
        assert response.status_code == 200, await response.aread()
        raw = (await response.aread()).decode()
    blocks = [block for block in raw.split("\n\n") if block and not block.startswith(":")]
    return [block.removeprefix("data: ") for block in blocks]


def chunks(data: list[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in data if line != DONE]


def text_of(data: list[str]) -> str:
    deltas = [c["choices"][0]["delta"] for c in chunks(data) if c.get("choices")]
    return "".join(delta.get("content", "") for delta in deltas)
