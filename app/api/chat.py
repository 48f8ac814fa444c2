"""`POST /v1/chat/completions`: a question and its proved answer."""

from __future__ import annotations

from contextlib import AsyncExitStack

from fastapi import Request, Response
from fastapi.responses import JSONResponse

from app.api.door import OPENAI_ERROR, Door, TheDoor, v1_router
from app.api.openai_request import ChatRequest, to_ask
from app.api.openai_response import ChatCompletion, Chunks
from app.api.pump import pumping, unless_gone
from app.api.sse import AnswerStream
from app.core.exchange import Ask

router = v1_router("chat", OPENAI_ERROR)


STREAMED = {"content": {"text/event-stream": {"example": "data: {…}\n\ndata: [DONE]\n\n"}}}


@router.post(
    "/chat/completions", summary="Ask", response_model=ChatCompletion, responses={200: STREAMED}
)
async def chat(body: ChatRequest, request: Request, door: TheDoor) -> Response:
    """Ask a question; the answer cites the documents.

    With `stream: true` the answer comes as server-sent events (`text/event-stream`):
    text as it is proved, `footnote.step` for every step, and in the last chunk
    `footnote` with the whole answer.
    """
    ask = to_ask(body, door.scope(body.footnote.filters))
    async with AsyncExitStack() as held:
        held.enter_context(door.slots.one())
        held.enter_context(door.metrics.in_progress.track_inprogress())
        if body.stream:
            return await _streamed(ask, body, request, door, held)
        with door.metrics.failures():
            answer = await unless_gone(request, door.footnote.ask(ask))
    door.metrics.answered(answer)
    return JSONResponse(ChatCompletion.of(answer).model_dump(mode="json"))


async def _streamed(
    ask: Ask, body: ChatRequest, request: Request, door: Door, held: AsyncExitStack
) -> AnswerStream:
    """Begin the answer; respond only once its first event stands."""
    pump = await held.enter_async_context(pumping(door.footnote.stream(ask)))
    with door.metrics.failures():
        first = await unless_gone(request, pump.next())
    chunks = Chunks(include_usage=body.include_usage)
    return AnswerStream(pump, first, chunks, door.metrics, held.pop_all())
