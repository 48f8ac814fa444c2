"""An answer as server-sent events, with exactly one terminal event.

`[DONE]` ends a stream that worked, an `error` object one that broke: the official
client raises on it and reads no further.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, aclosing

import anyio
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.types import Receive, Scope, Send

from app.api.catch_all import report
from app.api.metrics import Metrics
from app.api.openai_response import Chunks, missing_text
from app.api.problems import openai_error, problem_of
from app.api.pump import Pump
from app.core.errors import TransientError
from app.core.exchange import Delta, Done, Event, Step

DRAIN_S = 20.0
STALLED_S = 60.0


class AnswerStream(EventSourceResponse):
    """The response to `stream: true`.

    At shutdown an answer gets `DRAIN_S` seconds to finish, then breaks off with an error.

    Args:
        pump: The running answer.
        first: Its first event, already read: an error before it had a status of its own.
        held: What the answer holds; given back when the response ends, however it ends.
    """

    def __init__(
        self,
        pump: Pump,
        first: Event | None,
        chunks: Chunks,
        metrics: Metrics,
        held: AsyncExitStack,
    ) -> None:
        self._held = held
        self._pump = pump
        self._shutdown = anyio.Event()
        super().__init__(
            _events(pump, first, chunks, metrics),
            sep="\n",
            send_timeout=STALLED_S,
            shutdown_event=self._shutdown,
            shutdown_grace_period=DRAIN_S + 5,
            data_sender_callable=self._break_off_late,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the stream, then end the work behind it."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            with anyio.CancelScope(shield=True):
                await self._held.aclose()

    async def _break_off_late(self) -> None:
        await self._shutdown.wait()
        await asyncio.sleep(DRAIN_S)
        self._pump.break_off(TransientError("the server is shutting down"))


async def _events(
    pump: Pump, first: Event | None, chunks: Chunks, metrics: Metrics
) -> AsyncIterator[ServerSentEvent]:
    try:
        with metrics.failures():
            async with aclosing(_chunks(pump, first, chunks, metrics)) as lines:
                async for line in lines:
                    yield ServerSentEvent(line, sep="\n")
        last = "[DONE]"
    except Exception as error:  # noqa: BLE001 - becomes the terminal event
        problem = problem_of(error)
        report(error, problem)
        last = json.dumps(openai_error(problem))
    yield ServerSentEvent(last, sep="\n")


async def _chunks(
    pump: Pump, first: Event | None, chunks: Chunks, metrics: Metrics
) -> AsyncGenerator[str]:
    yield chunks.opening()
    streamed, answer, event = "", None, first
    while event is not None:
        match event:
            case Step():
                yield chunks.step(event)
            case Delta(text=text) if text:
                streamed += text
                yield chunks.text(text)
            case Done():
                answer = event.answer
        event = await pump.next()
    if answer is None:
        raise RuntimeError("the stream ended without an answer")
    rest = missing_text(streamed, answer.answer)
    ending = ([chunks.text(rest)] if rest else []) + chunks.closing(answer)
    metrics.answered(answer)
    for chunk in ending:
        yield chunk
