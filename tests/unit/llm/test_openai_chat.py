"""Whatever a chat server does wrong becomes one of two errors, without its text."""

from __future__ import annotations

import time
from typing import Any

import pytest

from app.adapters.openai_chat import OpenAIChat
from app.core.errors import FootnoteError, PermanentError, TransientError
from app.core.settings import ChatSettings
from app.core.types import Completion
from tests.support.scripted_openai import CutStream, Hang, Reply, ScriptedOpenAI, Status

ASK = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hm?"}]
KEY = "sk-very-secret"


def _chat(server: ScriptedOpenAI, **settings: Any) -> OpenAIChat:
    chosen = ChatSettings(**{"max_retries": 0, "timeout_s": 5.0, "model": "m", **settings})
    return OpenAIChat(chosen, api_key=KEY, base_url=server.base_url)


async def _streamed(chat: OpenAIChat) -> list[Completion]:
    return [piece async for piece in chat.stream(ASK)]


async def test_a_reply_comes_with_its_price(scripted_openai: ScriptedOpenAI) -> None:
    scripted_openai.always(Reply("yes, it is", input_tokens=1000, output_tokens=500))
    chat = _chat(scripted_openai, input_usd_per_million=2.0, output_usd_per_million=8.0)
    whole = await chat.complete(ASK, json=True)
    pieces = await _streamed(chat)
    assert whole.text == "".join(piece.text for piece in pieces) == "yes, it is"
    assert whole.usage.cost_usd == pytest.approx(0.006)
    assert sum(piece.usage.input_tokens for piece in pieces) == 1000
    assert sum(piece.usage.cost_usd or 0 for piece in pieces) == pytest.approx(0.006)
    assert whole.usage.llm_calls == 0  # the gateway counts calls, failed ones too
    first, second = (request.body for request in scripted_openai.requests)
    assert first["response_format"] == {"type": "json_object"}
    assert "response_format" not in second and second["stream"] is True
    assert first["model"] == "m" and first["temperature"] == 0.0


async def test_without_prices_the_cost_is_unknown(scripted_openai: ScriptedOpenAI) -> None:
    scripted_openai.always(Reply("yes"))
    assert (await _chat(scripted_openai).complete(ASK, json=False)).usage.cost_usd is None


async def test_a_reply_cut_at_the_limit_says_so(scripted_openai: ScriptedOpenAI) -> None:
    scripted_openai.always(Reply("yes, it", finish_reason="length"))
    chat = _chat(scripted_openai)
    assert (await chat.complete(ASK, json=False)).truncated
    assert any(piece.truncated for piece in await _streamed(chat))


@pytest.mark.parametrize(
    ("code", "kind"),
    [(429, TransientError), (500, TransientError), (503, TransientError),
     (400, PermanentError), (401, PermanentError), (404, PermanentError)],
)  # fmt: skip
async def test_a_refusal_says_whether_trying_again_helps_and_hides_the_key(
    scripted_openai: ScriptedOpenAI, code: int, kind: type[FootnoteError]
) -> None:
    scripted_openai.always(Status(code, retry_after=7))
    chat = _chat(scripted_openai)
    for asking in (chat.complete(ASK, json=False), _streamed(chat)):
        with pytest.raises(kind, match=str(code)) as failed:
            await asking
        assert KEY not in str(failed.value) and "scripted" not in str(failed.value)
        if code == 429:
            assert failed.value.retry_after_s == 7  # type: ignore[attr-defined]


async def test_a_busy_model_is_asked_again_as_often_as_set(
    scripted_openai: ScriptedOpenAI,
) -> None:
    scripted_openai.script(Status(429, retry_after=0.01), Status(500), Reply("yes"))
    chat = _chat(scripted_openai, max_retries=2)
    assert (await chat.complete(ASK, json=False)).text == "yes"
    assert len(scripted_openai.requests) == 3


@pytest.mark.parametrize("after", [0, 1, 3])
async def test_a_cut_stream_is_an_error_not_an_end(
    scripted_openai: ScriptedOpenAI, after: int
) -> None:
    scripted_openai.always(CutStream("one two three four five", after_chunks=after))
    seen = ""
    with pytest.raises(TransientError):
        async for piece in _chat(scripted_openai).stream(ASK):
            seen += piece.text
    assert seen == "one two three four five"[: len(seen)] != "one two three four five"


async def test_a_server_that_hangs_is_left_at_the_timeout(
    scripted_openai: ScriptedOpenAI,
) -> None:
    scripted_openai.always(Hang(10))
    chat, started = _chat(scripted_openai, timeout_s=0.3), time.monotonic()
    for asking in (chat.complete(ASK, json=False), _streamed(chat)):
        with pytest.raises(TransientError, match="took too long"):
            await asking
    assert time.monotonic() - started < 3


async def test_a_server_that_is_not_there_is_a_lost_link(free_port: int) -> None:
    chat = OpenAIChat(
        ChatSettings(max_retries=0), api_key="", base_url=f"http://127.0.0.1:{free_port}/v1"
    )
    for asking in (chat.complete(ASK, json=False), _streamed(chat)):
        with pytest.raises(TransientError, match="link"):
            await asking
