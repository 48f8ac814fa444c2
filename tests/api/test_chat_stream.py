"""An OpenAI client reads the answer as it is proved."""

from __future__ import annotations

import asyncio
import json

import httpx
import openai
import pytest
from openai import AsyncOpenAI

from app.core.errors import InputError, PermanentError, TransientError
from app.core.exchange import Delta, Done, Event, Step
from app.core.types import Status
from tests.api.chatting import CHAT, DONE, body, chunks, events, text_of
from tests.api.scripted import ANSWER, SCRIPT, Scripted, Wait
from tests.api.serving import address, serving

SECRET = "postgresql://admin:hunter2@db/private"


async def test_the_official_client_reads_a_stream(client: AsyncOpenAI) -> None:
    stream = await client.chat.completions.create(
        model="footnote", messages=[{"role": "user", "content": "How many days?"}], stream=True
    )
    received = [chunk async for chunk in stream]
    text = "".join(c.choices[0].delta.content or "" for c in received)
    assert text == ANSWER.answer
    assert received[0].choices[0].delta.role == "assistant"
    assert len({chunk.id for chunk in received}) == 1
    last = received[-1]
    assert last.choices[0].finish_reason == "stop"
    assert last.usage is not None and last.usage.total_tokens == 150
    assert last.model_extra is not None
    assert last.model_extra["footnote"] == ANSWER.model_dump(mode="json")


async def test_usage_comes_once_and_apart_when_asked_for(client: AsyncOpenAI) -> None:
    stream = await client.chat.completions.create(
        model="footnote",
        messages=[{"role": "user", "content": "How many days?"}],
        stream=True,
        stream_options={"include_usage": True},
    )
    received = [chunk async for chunk in stream]
    assert received[-1].choices == []
    assert [chunk.usage.total_tokens for chunk in received if chunk.usage] == [150]
    assert received[-2].choices[0].finish_reason == "stop"
    assert received[-2].model_extra is not None
    assert received[-2].model_extra["footnote"]["answer_id"] == "a-1"


async def test_steps_are_news_without_text(http: httpx.AsyncClient, scripted: Scripted) -> None:
    details = {"found": 3, "when": {1, 2}, "score": float("nan")}
    scripted.script = [Step("retrieve", 4.0, details), *SCRIPT[1:]]
    told = [c for c in chunks(await events(http)) if "step" in c.get("footnote", {})]
    assert [c["footnote"]["step"]["node"] for c in told] == ["retrieve", "verify"]
    assert told[0]["footnote"]["step"]["details"] == {"found": 3, "when": [1, 2], "score": None}
    assert told[1]["footnote"]["step"] == {"node": "verify", "ms": 1.5}
    assert all(c["choices"][0]["delta"] == {} for c in told)


async def test_a_stream_passes_proxies_and_caches_unheld(http: httpx.AsyncClient) -> None:
    async with http.stream("POST", CHAT, json=body(stream=True)) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        assert response.headers["x-accel-buffering"] == "no"
        assert response.headers["cache-control"] == "no-store"
        assert response.headers["x-request-id"]


async def test_the_first_text_arrives_before_the_answer_is_done(
    http: httpx.AsyncClient, scripted: Scripted
) -> None:
    scripted.script = [Delta("Early."), Wait(), Done(ANSWER)]
    async with asyncio.timeout(5), http.stream("POST", CHAT, json=body(stream=True)) as response:
        async for line in response.aiter_lines():
            if "Early." in line:
                break
    assert scripted.waiting.is_set()


@pytest.mark.parametrize(
    ("streamed", "expected"),
    [
        ((), ANSWER.answer),
        ((ANSWER.answer[:9],), ANSWER.answer),
        ((ANSWER.answer, "\n"), ANSWER.answer + "\n"),
        ((ANSWER.answer[:9] + "  ",), ANSWER.answer[:9] + "  " + ANSWER.answer[9:]),
        (("A withdrawn draft.",), f"A withdrawn draft.\n\n{ANSWER.answer}"),
    ],
    ids=["nothing", "a part", "all and a line end", "a part and blanks", "something else"],
)
async def test_the_reader_always_gets_the_whole_answer(
    http: httpx.AsyncClient, scripted: Scripted, streamed: tuple[str, ...], expected: str
) -> None:
    scripted.script = [*map(Delta, streamed), Done(ANSWER)]
    assert text_of(await events(http)) == expected


async def test_an_abstention_that_was_not_streamed_is_still_told(
    client: AsyncOpenAI, scripted: Scripted
) -> None:
    refusal = ANSWER.model_copy(
        update={"status": Status.ABSTAINED, "answer": "The documents do not say."}
    )
    scripted.script = [Step("abstain", 1.0), Done(refusal)]
    stream = await client.chat.completions.create(
        model="footnote", messages=[{"role": "user", "content": "Why?"}], stream=True
    )
    text = "".join([c.choices[0].delta.content or "" async for c in stream])
    assert text == refusal.answer


async def test_odd_line_separators_do_not_cut_a_chunk(
    http: httpx.AsyncClient, scripted: Scripted
) -> None:
    text = "One\u2028two\u0085three\r\nfour\n\nfünf 五."
    scripted.script = [Delta(text), Done(ANSWER.model_copy(update={"answer": text}))]
    async with http.stream("POST", CHAT, json=body(stream=True)) as response:
        lines = [line async for line in response.aiter_lines() if line.startswith("data: {")]
    told = [json.loads(line.removeprefix("data: ")) for line in lines]
    assert told[1]["choices"][0]["delta"]["content"] == text


async def test_a_whole_stream_ends_once(http: httpx.AsyncClient) -> None:
    data = await events(http)
    assert data.count(DONE) == 1
    assert data[-1] == DONE
    assert not any("error" in chunk for chunk in chunks(data))


BREAKS: list[list[Event | Exception]] = [
    [Delta("Half"), RuntimeError(SECRET)],
    [Delta("Half"), TransientError(SECRET)],
    [Delta("Half"), PermanentError(SECRET)],
    [Delta("Half"), Done(ANSWER), RuntimeError(SECRET)],
    [Delta("Half")],
]


@pytest.mark.parametrize("script", BREAKS, ids=["bug", "outage", "refusal", "late", "no answer"])
async def test_a_stream_that_breaks_ends_once_and_says_nothing_private(
    http: httpx.AsyncClient, scripted: Scripted, script: list[Event | Exception]
) -> None:
    scripted.script = script
    data = await events(http)
    last = json.loads(data[-1])
    assert last["error"]["type"] == "server_error"
    assert sum("error" in chunk for chunk in chunks(data)) == 1
    assert DONE not in data
    assert not any(c["choices"][0]["finish_reason"] for c in chunks(data)[:-1])
    assert "hunter2" not in "".join(data)


async def test_the_official_client_raises_when_a_stream_breaks(
    http: httpx.AsyncClient, client: AsyncOpenAI, scripted: Scripted
) -> None:
    scripted.script = [Delta("Half"), RuntimeError(SECRET)]
    stream = await client.chat.completions.create(
        model="footnote", messages=[{"role": "user", "content": "Why?"}], stream=True
    )
    seen = ""
    with pytest.raises(openai.APIError) as caught:
        async for chunk in stream:
            seen += chunk.choices[0].delta.content or ""
    assert seen == "Half"
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (InputError("the question is too long"), 400),
        (TransientError("x", retry_after_s=7), 503),
        (RuntimeError("x"), 500),
    ],
)
async def test_a_failure_before_the_first_event_has_a_status_of_its_own(
    http: httpx.AsyncClient, scripted: Scripted, error: Exception, status: int
) -> None:
    scripted.script = [error]
    response = await http.post(CHAT, json=body(stream=True))
    assert response.status_code == status
    assert response.headers["content-type"] == "application/json"
    assert response.json()["error"]["message"]
    assert response.headers.get("retry-after") == ("7" if status == 503 else None)


@pytest.mark.parametrize("script", [[Wait()], [Delta("Half"), Wait()]], ids=["before", "mid"])
async def test_a_client_that_leaves_stops_the_work(
    http: httpx.AsyncClient, scripted: Scripted, script: list[Event | Wait]
) -> None:
    scripted.script = script
    leaving = asyncio.create_task(events(http))
    async with asyncio.timeout(5):
        await scripted.waiting.wait()
        leaving.cancel()
        await scripted.cancelled.wait()


async def test_at_shutdown_an_answer_may_finish(
    scripted: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    scripted.script = [Delta("Half"), Wait(1.0), Done(ANSWER)]
    assert (await _events_over_a_shutdown(scripted))[-1] == DONE


async def test_at_shutdown_an_answer_that_takes_too_long_ends_with_an_error(
    scripted: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.api.sse.DRAIN_S", 0.1)
    scripted.script = [Delta("Half"), Wait(), Done(ANSWER)]
    data = await _events_over_a_shutdown(scripted)
    assert "error" in json.loads(data[-1])
    assert scripted.cancelled.is_set()


async def _events_over_a_shutdown(scripted: Scripted) -> list[str]:
    async with (
        serving(scripted) as server,
        httpx.AsyncClient(base_url=address(server)) as http,
    ):
        reading = asyncio.create_task(events(http))
        await scripted.waiting.wait()
        server.should_exit = True
        return await reading
