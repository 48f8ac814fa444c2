"""A chat model by script: an OpenAI-compatible server on a real port.

    server.script(Reply("Leave is 25 days [1]."))           # the next request, whatever it is
    server.script(Status(429), Reply({"question": "…"}), when="rewrite")
    server.always(Reply("yes"))                             # once the script has run out

`when` is a text that must occur in the request's system prompt. Scripts with `when` come
first; of several that fit, the one written first. A request that nothing fits gets a 500 and is
listed in `unexpected`.
"""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route


@dataclass(frozen=True)
class Reply:
    """A whole reply; a dict is sent as the JSON text of the message."""

    body: str | dict[str, Any]
    input_tokens: int = 100
    output_tokens: int = 20
    finish_reason: str = "stop"
    pause_s: float = 0.0
    """Seconds before each piece of a stream."""

    @property
    def text(self) -> str:
        return self.body if isinstance(self.body, str) else json.dumps(self.body)


@dataclass(frozen=True)
class Malformed:
    """A reply that asks to be read as JSON and cannot be."""

    text: str = '{"question": "How many days'


@dataclass(frozen=True)
class Status:
    """An HTTP error."""

    code: int
    retry_after: float | None = None


@dataclass(frozen=True)
class CutStream:
    """A stream whose connection breaks after some pieces."""

    text: str = "Full-time employees get 25 days of paid leave a year [1]."
    after_chunks: int = 3


@dataclass(frozen=True)
class Hang:
    """No byte for so long, then a reply."""

    seconds: float
    text: str = "late"


Behaviour = Reply | Malformed | Status | CutStream | Hang


@dataclass
class Received:
    """A request as it came in."""

    body: dict[str, Any]
    headers: dict[str, str]
    cancelled: bool = False
    """The client left before the reply was complete."""

    @property
    def system(self) -> str:
        """The system prompt."""
        return self._text("system")

    @property
    def user(self) -> str:
        """The user's messages."""
        return self._text("user")

    @property
    def streaming(self) -> bool:
        """Whether the client asked for a stream."""
        return bool(self.body.get("stream"))

    def _text(self, role: str) -> str:
        messages = self.body.get("messages", [])
        return "\n".join(str(m["content"]) for m in messages if m["role"] == role)


@dataclass
class _Script:
    when: str
    behaviours: list[Behaviour]


@dataclass
class ScriptedOpenAI:
    """The server. Use it as a context manager; `base_url` is set inside."""

    base_url: str = ""
    requests: list[Received] = field(default_factory=list)
    unexpected: list[Received] = field(default_factory=list)
    _scripts: list[_Script] = field(default_factory=list)
    _always: Callable[[Received], Behaviour | None] = lambda _: None
    _server: uvicorn.Server | None = None
    _thread: threading.Thread | None = None

    def script(self, *behaviours: Behaviour, when: str = "") -> None:
        """Answer the next requests so, one behaviour each."""
        self._scripts.append(_Script(when, list(behaviours)))

    def always(self, answer: Behaviour | Callable[[Received], Behaviour | None]) -> None:
        """Answer so whenever no script is left; a function may look at the request."""
        self._always = answer if callable(answer) else lambda _: answer

    def asked(self, when: str) -> list[Received]:
        """The requests whose system prompt holds a text."""
        return [request for request in self.requests if when in request.system]

    def __enter__(self) -> ScriptedOpenAI:
        routes = [
            Route("/v1/chat/completions", self._complete, methods=["POST"]),
            Route("/v1/models", self._models),
        ]
        config = uvicorn.Config(
            Starlette(routes=routes),
            log_config=None,
            log_level="critical",
            lifespan="off",
            timeout_graceful_shutdown=1,
        )
        listener = socket.create_server(("127.0.0.1", 0))
        self.base_url = f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, args=([listener],), daemon=True)
        self._thread.start()
        while not self._server.started:
            time.sleep(0.005)
        return self

    def __exit__(self, *_: object) -> None:
        assert self._server is not None and self._thread is not None
        self._server.should_exit = True
        self._thread.join(timeout=10)

    def _next(self, received: Received) -> Behaviour:
        fitting = (s for s in self._scripts if s.behaviours and s.when in received.system)
        chosen = min(fitting, key=lambda script: not script.when, default=None)
        behaviour = chosen.behaviours.pop(0) if chosen else self._always(received)
        if behaviour is None:
            self.unexpected.append(received)
            return Status(500)
        return behaviour

    async def _models(self, _: Request) -> Response:
        model = {"id": "scripted", "object": "model", "created": 0, "owned_by": "tests"}
        return JSONResponse({"object": "list", "data": [model]})

    async def _complete(self, request: Request) -> Response:
        received = Received(await request.json(), dict(request.headers))
        self.requests.append(received)
        behaviour = self._next(received)
        if isinstance(behaviour, Status):
            return _error(behaviour)
        if isinstance(behaviour, Hang):
            await _wait(behaviour.seconds, request, received)
        reply, cut = _reply(behaviour)
        if received.streaming or cut is not None:
            stream = _stream(reply, cut, request, received)
            return StreamingResponse(stream, media_type="text/event-stream")
        return JSONResponse(_whole(reply, received))


def _reply(behaviour: Reply | Malformed | CutStream | Hang) -> tuple[Reply, int | None]:
    """What to say, and after how many pieces to break off."""
    if isinstance(behaviour, Reply):
        return behaviour, None
    if isinstance(behaviour, CutStream):
        return Reply(behaviour.text), behaviour.after_chunks
    return Reply(behaviour.text), None


def _error(status: Status) -> Response:
    headers = {} if status.retry_after is None else {"Retry-After": f"{status.retry_after:g}"}
    error = {"message": "scripted", "type": "scripted", "param": None, "code": None}
    return JSONResponse({"error": error}, status.code, headers)


async def _wait(seconds: float, request: Request, received: Received) -> None:
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0 and not received.cancelled:
        received.cancelled = await request.is_disconnected()
        await asyncio.sleep(min(left, 0.02))


def _whole(reply: Reply, received: Received) -> dict[str, Any]:
    message = {"role": "assistant", "content": reply.text, "refusal": None}
    choice = {"index": 0, "message": message, "finish_reason": reply.finish_reason}
    head = _head("chat.completion", received)
    return {**head, "choices": [{**choice, "logprobs": None}], "usage": _usage(reply)}


async def _stream(
    reply: Reply, cut: int | None, request: Request, received: Received
) -> AsyncIterator[str]:
    head = _head("chat.completion.chunk", received)

    def event(delta: dict[str, Any], finish: str | None = None) -> str:
        choice = {"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None}
        return f"data: {json.dumps({**head, 'choices': [choice]})}\n\n"

    complete = False
    try:
        yield event({"role": "assistant", "content": ""})
        for number, piece in enumerate(_pieces(reply.text)):
            if number == cut:
                raise ConnectionError("scripted")  # the server then drops the connection
            await _wait(reply.pause_s, request, received)
            yield event({"content": piece})
        yield event({}, reply.finish_reason)
        if received.body.get("stream_options", {}).get("include_usage"):
            usage = {**head, "choices": [], "usage": _usage(reply)}
            yield f"data: {json.dumps(usage)}\n\n"
        yield "data: [DONE]\n\n"
        complete = True
    finally:
        received.cancelled |= not complete and cut is None


def _pieces(text: str) -> list[str]:
    """Words with the blank before them."""
    words = text.split(" ")
    return [word if i == 0 else f" {word}" for i, word in enumerate(words)]


def _head(kind: str, received: Received) -> dict[str, Any]:
    model = received.body.get("model", "scripted")
    return {"id": "chatcmpl-scripted", "object": kind, "created": int(time.time()), "model": model}


def _usage(reply: Reply) -> dict[str, int]:
    total = reply.input_tokens + reply.output_tokens
    return {
        "prompt_tokens": reply.input_tokens,
        "completion_tokens": reply.output_tokens,
        "total_tokens": total,
    }
