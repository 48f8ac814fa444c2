"""Who may come in, how often, with how much, and how many at once."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator

import httpx
import openai
import pytest
from fastapi.routing import APIRoute

from app.api.server import ROUTERS
from tests.api.chatting import CHAT, body, events
from tests.api.scripted import Scripted, Wait
from tests.api.serving import Serve, openai_client

MEGABYTE = 1024 * 1024
OPEN = {"/healthz", "/readyz", "/metrics", "/docs"}


def guarded() -> list[tuple[str, str]]:
    """(method, path) of every route that is not open on purpose."""
    routes = [r for router in ROUTERS for r in router.routes if isinstance(r, APIRoute)]
    calls = [(method, route.path) for route in routes for method in sorted(route.methods or ())]
    return [(m, re.sub(r"\{[^}]*\}", "x", path)) for m, path in calls if path not in OPEN]


@pytest.mark.parametrize(
    "key", ["", "Bearer wrong", "Bearer s3cret-ü2", "Basic s3cret-ü", "s3cret-ü"]
)
async def test_a_wrong_key_opens_no_route(serve: Serve, key: str) -> None:
    base = await serve(key="s3cret-ü")
    given = httpx.Headers({b"Authorization": key.encode()})
    async with httpx.AsyncClient(base_url=base) as http:
        for method, path in guarded():
            response = await http.request(method, path, headers=given)
            assert response.status_code == 401, path
            assert response.headers["www-authenticate"] == "Bearer"
            assert "s3cret" not in response.text


async def test_every_route_of_the_contract_is_there() -> None:
    assert {path for _, path in guarded()} >= {
        "/v1/chat/completions",
        "/v1/models",
        "/v1/search",
        "/v1/documents",
        "/v1/documents/x",
        "/v1/documents/x/text",
        "/v1/conversations/x",
        "/v1/feedback",
    }


async def test_the_right_key_opens(serve: Serve) -> None:
    base = await serve(key="s3cret")
    async with openai_client(base, key="s3cret") as client:
        assert (await client.models.list()).data[0].id == "footnote"


async def test_a_wrong_key_reads_as_openai_says_it(serve: Serve) -> None:
    async with openai_client(await serve(key="s3cret"), key="wrong") as client:
        with pytest.raises(openai.AuthenticationError) as caught:
            await client.models.list()
    assert caught.value.code == "invalid_api_key"


async def test_health_page_and_metrics_need_no_key(serve: Serve, scripted: Scripted) -> None:
    scripted.limiter.wait_s = 9.0
    async with httpx.AsyncClient(base_url=await serve(key="s3cret")) as http:
        for path in ("/healthz", "/readyz", "/metrics", "/docs", "/openapi.json"):
            assert (await http.get(path)).status_code == 200
        for path in ("/", "/static/nothing.js", "/favicon.ico"):
            assert (await http.get(path)).status_code in (200, 404)
    assert scripted.limiter.clients == []


async def test_asking_too_often_says_when_to_come_back(
    http: httpx.AsyncClient, scripted: Scripted
) -> None:
    scripted.limiter.wait_s = 2.2
    response = await http.post(CHAT, json=body())
    assert response.status_code == 429
    assert response.headers["retry-after"] == "3"
    assert response.json()["error"]["code"] == "rate_limit_exceeded"
    other = await http.post("/v1/search", json={"query": "x"})
    assert other.headers["content-type"] == "application/problem+json"
    assert scripted.limiter.clients == ["127.0.0.1", "127.0.0.1"]
    assert scripted.asked == []


async def test_the_official_client_waits_and_tries_again(serve: Serve, scripted: Scripted) -> None:
    scripted.limiter.wait_s = 1.0
    async with openai_client(await serve()) as client:
        patient = client.with_options(max_retries=2)
        asking = asyncio.create_task(patient.models.retrieve("footnote"))
        while not scripted.limiter.clients:
            await asyncio.sleep(0.01)
        scripted.limiter.wait_s = 0.0
        assert (await asking).id == "footnote"


async def _pieces(count: int, size: int) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield b"x" * size


@pytest.mark.parametrize("chunked", [False, True], ids=["declared", "chunked"])
@pytest.mark.parametrize("path", [CHAT, "/v1/search"])
async def test_a_body_that_is_too_large_is_refused(
    serve: Serve, scripted: Scripted, chunked: bool, path: str
) -> None:
    headers = {"Content-Type": "application/json"}
    async with httpx.AsyncClient(base_url=await serve(max_body_mb=1)) as http:
        size = MEGABYTE + 1
        content = _pieces(9, size // 8) if chunked else b"x" * size
        response = await http.post(path, content=content, headers=headers)
        assert response.status_code == 413
        shape = response.json()
        assert "1 MB" in (shape["error"]["message"] if path == CHAT else shape["detail"])
        assert (await http.get("/healthz")).status_code == 200
    assert scripted.asked == []


async def test_a_body_declared_too_large_is_refused_before_it_is_sent(serve: Serve) -> None:
    url = httpx.URL(await serve(max_body_mb=1))
    reader, writer = await asyncio.open_connection(url.host, url.port)
    writer.write(
        b"POST /v1/search HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
        b"Content-Type: application/json\r\nContent-Length: 1000000000000\r\n\r\n"
    )
    async with asyncio.timeout(5):
        assert await reader.readline() == b"HTTP/1.1 413 Request Entity Too Large\r\n"
    writer.close()


async def test_a_body_at_the_limit_is_read(serve: Serve) -> None:
    async with httpx.AsyncClient(base_url=await serve(max_body_mb=1)) as http:
        frame = len('{"query":""}')
        content = '{"query":"' + "x" * (MEGABYTE - frame) + '"}'
        headers = {"Content-Type": "application/json"}
        response = await http.post("/v1/search", content=content, headers=headers)
        assert response.status_code == 200


async def test_one_answer_too_many_is_turned_away_and_slots_come_back(
    serve: Serve, scripted: Scripted
) -> None:
    scripted.script = [Wait(), *scripted.script]
    async with httpx.AsyncClient(base_url=await serve(max_concurrent=1)) as http:
        for stream in (True, False, True):
            scripted.waiting.clear()
            scripted.cancelled.clear()
            first = asyncio.create_task(http.post(CHAT, json=body(stream=stream)))
            await scripted.waiting.wait()
            refused = await http.post(CHAT, json=body())
            assert refused.status_code == 503
            assert int(refused.headers["retry-after"]) >= 1
            first.cancel()
            await scripted.cancelled.wait()
        scripted.script = scripted.script[1:]
        for _ in range(3):
            assert (await http.post(CHAT, json=body())).status_code == 200
            assert await events(http)
