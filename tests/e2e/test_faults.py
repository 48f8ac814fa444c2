"""Whatever the chat model does wrong, each request ends once, with an honest status."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from app.core.settings import Settings, load_settings
from app.core.types import Status
from graphs.nodes.finish import NOT_VERIFIED
from tests.api.chatting import CHAT, body
from tests.graph.chat import Chat, Line, supported
from tests.graph.library import EXPIRY, LEAVE, LEAVE_QUESTION, Library, made_library
from tests.graph.serving import Ended, ask_http, serving
from tests.support.scripted_openai import (
    CutStream,
    Hang,
    Malformed,
    Reply,
    ScriptedOpenAI,
)
from tests.support.scripted_openai import Status as Failing

pytestmark = pytest.mark.asyncio(loop_scope="module")
TIMEOUT_S = 1.0
MANNERS = pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
FAULTS: dict[str, Line] = {
    "429": Failing(429, retry_after=30),
    "500": Failing(500),
    "hang": Hang(10),
    "cut": CutStream("half a", after_chunks=1),
}
WHY = {"429": "busy (429)", "500": "failed (500)", "hang": "took too long", "cut": "link"}
RIGHT: dict[str, Line] = {
    "rewrite": {"queries": ["paid leave days"]},
    "hyde": "Leave is granted.",
    "decompose": {"questions": ["Which days are free?"]},
    "generate": f"{LEAVE} [#25 days] Unused days lapse on 31 March [#31 March].",
    "verify": supported,
}
MALFORMED = "the chat model's reply is not the JSON asked for"


@pytest.fixture(scope="module")
def server() -> Iterator[ScriptedOpenAI]:
    with ScriptedOpenAI() as scripted:
        yield scripted


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    return asyncio.run(made_library(tmp_path_factory.mktemp("library")))


def _settings(library: Library, server: ScriptedOpenAI, **chat: Any) -> Settings:
    return load_settings(
        data_dir=library.data_dir,
        openai_base_url=server.base_url,
        openai_api_key="sk-very-secret",
        chat={"max_retries": 0, "timeout_s": TIMEOUT_S, **chat},
        # Evidence is always thin, so that every prompt is asked; a quote is always allowed.
        answer={"relevant": 1.0, "answerable": 0.0, "supported": 0.0},
        cache={"enabled": False},
        api={"rate_limit": "none"},
    )


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def http(library: Library, server: ScriptedOpenAI) -> AsyncIterator[httpx.AsyncClient]:
    async with serving(_settings(library, server)) as client:
        yield client


def _chat(server: ScriptedOpenAI, **lines: Line | list[Line]) -> Chat:
    """A model that does everything right but for these lines."""
    return Chat(server, **{**RIGHT, **lines})


async def _ask(client: httpx.AsyncClient, stream: bool) -> Ended:
    started = time.monotonic()
    ended = await ask_http(client, LEAVE_QUESTION, stream=stream)
    assert time.monotonic() - started < 10
    assert ended.text == ended.answer.answer
    assert "sk-very-secret" not in ended.answer.model_dump_json()
    return ended


@MANNERS
async def test_nothing_is_skipped_when_all_goes_well(
    http: httpx.AsyncClient, server: ScriptedOpenAI, stream: bool
) -> None:
    _chat(server)
    answer = (await _ask(http, stream)).answer
    assert answer.status is Status.ANSWERED and answer.skipped == []
    assert len(answer.sentences) == 2


@MANNERS
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("prompt", ["rewrite", "hyde", "decompose"])
async def test_a_search_that_cannot_be_bought_is_named_and_the_answer_still_proved(
    http: httpx.AsyncClient, server: ScriptedOpenAI, prompt: str, fault: str, stream: bool
) -> None:
    _chat(server, **{prompt: FAULTS[fault]})
    answer = (await _ask(http, stream)).answer
    assert answer.status is Status.ANSWERED and len(answer.sentences) == 2
    assert [entry.split(":")[0] for entry in answer.skipped] == [prompt]
    assert WHY[fault] in answer.skipped[0] or (fault, prompt) == ("cut", "hyde")


@MANNERS
@pytest.mark.parametrize("prompt", ["rewrite", "decompose"])
async def test_malformed_json_for_a_search_is_named_and_the_answer_still_proved(
    http: httpx.AsyncClient, server: ScriptedOpenAI, prompt: str, stream: bool
) -> None:
    _chat(server, **{prompt: Malformed()})
    answer = (await _ask(http, stream)).answer
    assert answer.status is Status.ANSWERED
    assert len(answer.skipped) == 1
    assert answer.skipped[0].startswith(f"{prompt}: {MALFORMED}")


@MANNERS
@pytest.mark.parametrize("fault", [*FAULTS, "malformed"])
async def test_a_check_that_fails_makes_the_answer_unverified(
    http: httpx.AsyncClient, server: ScriptedOpenAI, fault: str, stream: bool
) -> None:
    _chat(server, verify=FAULTS.get(fault, Malformed()))
    ended = await _ask(http, stream)
    assert ended.answer.status is Status.UNVERIFIED
    assert [s.supported for s in ended.answer.sentences] == [True, None]
    assert ended.text.endswith(NOT_VERIFIED)
    assert len(ended.answer.skipped) == 1
    assert ended.answer.skipped[0].startswith("verify: ")


@MANNERS
@pytest.mark.parametrize("fault", FAULTS)
async def test_a_model_that_writes_nothing_is_replaced_by_quotes(
    http: httpx.AsyncClient, server: ScriptedOpenAI, fault: str, stream: bool
) -> None:
    _chat(server, generate=FAULTS[fault])
    ended = await _ask(http, stream)
    assert ended.answer.status is Status.ANSWERED
    assert LEAVE in [citation.quote for citation in ended.answer.citations]
    [skipped] = ended.answer.skipped
    assert skipped.startswith("generate: ") and skipped.endswith("; quoted instead")
    assert WHY[fault] in skipped or "broke" in skipped


@MANNERS
async def test_a_stream_cut_after_a_whole_sentence_keeps_it_and_is_unverified(
    http: httpx.AsyncClient, server: ScriptedOpenAI, stream: bool
) -> None:
    _chat(server, generate=CutStream(f"{LEAVE} [#25 days] {EXPIRY}", after_chunks=15))
    ended = await _ask(http, stream)
    assert ended.text == f"{LEAVE} [1] {NOT_VERIFIED}"
    assert ended.answer.status is Status.UNVERIFIED
    assert ended.answer.skipped[0].endswith("after 1 sentence")


@MANNERS
async def test_a_stream_that_stalls_after_a_whole_sentence_keeps_it_and_is_unverified(
    http: httpx.AsyncClient, server: ScriptedOpenAI, stream: bool
) -> None:
    # The deadline falls into the words that follow.
    _chat(server, generate=Reply(f"{LEAVE} [#25 days] " + "Word " * 200, pause_s=0.05))
    ended = await ask_http(http, LEAVE_QUESTION, stream=stream, deadline_ms=2500)
    assert ended.text == ended.answer.answer == f"{LEAVE} [1] {NOT_VERIFIED}"
    assert ended.answer.status is Status.UNVERIFIED
    assert ended.answer.skipped == ["generate: the chat model took too long after 1 sentence"]


@MANNERS
@pytest.mark.parametrize("fault", FAULTS)
async def test_with_every_call_failing_there_still_is_an_answer(
    http: httpx.AsyncClient, server: ScriptedOpenAI, fault: str, stream: bool
) -> None:
    bad = FAULTS[fault]
    _chat(server, rewrite=bad, hyde=bad, decompose=bad, generate=bad, verify=bad)
    answer = (await _ask(http, stream)).answer
    assert answer.status is Status.ANSWERED and answer.citations
    named = {entry.split(":")[0] for entry in answer.skipped}
    assert {"rewrite", "generate"} <= named


async def test_a_busy_model_is_asked_again_as_often_as_set(
    tmp_path: Path, server: ScriptedOpenAI
) -> None:
    """Each prompt is refused once; with retries allowed, nothing is lost."""
    busy = Failing(429, retry_after=0.05)
    chat = _chat(server, **{prompt: [busy, line] for prompt, line in RIGHT.items()})
    settings = _settings(await made_library(tmp_path), server, max_retries=1, timeout_s=5.0)
    async with serving(settings) as client:
        answer = (await _ask(client, stream=True)).answer
    assert answer.status is Status.ANSWERED and answer.skipped == []
    assert len(server.requests) == 10 and len(set(chat.prompts)) == 5
    assert answer.usage.llm_calls == 5


async def test_a_reader_who_leaves_stops_the_model(
    http: httpx.AsyncClient, server: ScriptedOpenAI
) -> None:
    _chat(server, generate=Reply(f"{LEAVE} [#25 days] " + "Word " * 300, pause_s=0.02))
    request = body(LEAVE_QUESTION, stream=True)
    async with http.stream("POST", CHAT, json=request) as response:
        async for line in response.aiter_lines():
            if LEAVE in line:
                break
    deadline = time.monotonic() + 5
    while not server.requests[-1].cancelled:
        assert time.monotonic() < deadline, "the model goes on for nobody"
        await asyncio.sleep(0.02)


async def test_no_fault_of_the_model_shows_as_an_error_of_ours(
    http: httpx.AsyncClient, server: ScriptedOpenAI
) -> None:
    """Twenty at once, half of them with a failing model: 200 each, and one end each."""
    turns = iter(range(10**6))
    bad, good = Failing(500), f"{LEAVE} [#25 days]"
    _chat(server, generate=lambda _: bad if next(turns) % 2 else good)
    ended = await asyncio.gather(
        *(ask_http(http, LEAVE_QUESTION, stream=bool(n % 2)) for n in range(20))
    )
    assert {one.answer.status for one in ended} == {Status.ANSWERED}
    assert len({one.answer.answer_id for one in ended}) == 20
