"""The scripted chat server itself: what other tests rely on when they use it."""

import asyncio

import httpx2
import openai
import pytest
from openai.types.chat import ChatCompletionMessageParam

from tests.support.scripted_openai import CutStream, Hang, Malformed, Reply, ScriptedOpenAI, Status

ASK: list[ChatCompletionMessageParam] = [
    {"role": "system", "content": "You rewrite."},
    {"role": "user", "content": "Hm?"},
]


@pytest.fixture
async def client(scripted_openai: ScriptedOpenAI) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(
        api_key="none", base_url=scripted_openai.base_url, max_retries=0, timeout=5
    )


async def _ask(client: openai.AsyncOpenAI) -> str | None:
    reply = await client.chat.completions.create(model="m", messages=ASK)
    return str(reply.choices[0].message.content)


async def test_scripts_answer_in_order_and_by_prompt(
    scripted_openai: ScriptedOpenAI, client: openai.AsyncOpenAI
) -> None:
    scripted_openai.script(Reply("first"), Malformed())
    scripted_openai.script(Reply({"a": 1}), when="rewrite")
    scripted_openai.always(lambda received: Reply(received.user))

    answers = [await _ask(client) for _ in range(4)]

    assert answers == ['{"a": 1}', "first", Malformed().text, "Hm?"]
    assert len(scripted_openai.asked("rewrite")) == 4
    assert not scripted_openai.unexpected


async def test_a_stream_arrives_word_by_word_with_usage_last(
    scripted_openai: ScriptedOpenAI, client: openai.AsyncOpenAI
) -> None:
    scripted_openai.script(Reply("one two three", output_tokens=3))

    stream = await client.chat.completions.create(
        model="m",
        messages=ASK,
        stream=True,
        stream_options={"include_usage": True},
    )
    chunks = [chunk async for chunk in stream]

    texts = [c.choices[0].delta.content for c in chunks if c.choices]
    assert texts == ["", "one", " two", " three", None]
    assert chunks[-1].usage and chunks[-1].usage.completion_tokens == 3


async def test_errors_keep_their_status_and_retry_after(
    scripted_openai: ScriptedOpenAI, client: openai.AsyncOpenAI
) -> None:
    scripted_openai.script(Status(429, retry_after=2), Status(500))

    with pytest.raises(openai.RateLimitError) as busy:
        await _ask(client)
    assert busy.value.response.headers["retry-after"] == "2"
    with pytest.raises(openai.InternalServerError):
        await _ask(client)


async def test_a_cut_stream_breaks_the_connection_after_its_pieces(
    scripted_openai: ScriptedOpenAI, client: openai.AsyncOpenAI
) -> None:
    scripted_openai.script(CutStream("a b c d e", after_chunks=2))
    stream = await client.chat.completions.create(model="m", messages=ASK, stream=True)
    seen = ""

    with pytest.raises((openai.APIError, httpx2.HTTPError)):
        async for chunk in stream:
            seen += chunk.choices[0].delta.content or ""

    assert seen == "a b"


async def test_a_client_that_leaves_a_hanging_reply_is_noticed(
    scripted_openai: ScriptedOpenAI, client: openai.AsyncOpenAI
) -> None:
    scripted_openai.script(Hang(30))

    with pytest.raises(openai.APITimeoutError):
        await client.with_options(timeout=0.1).chat.completions.create(
            model="m",
            messages=ASK,
        )
    for _ in range(100):
        if scripted_openai.requests[0].cancelled:
            break
        await asyncio.sleep(0.02)

    assert scripted_openai.requests[0].cancelled
