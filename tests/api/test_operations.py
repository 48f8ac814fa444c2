"""Health, metrics, docs and the web page: what those who run the service rely on."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import httpx
import pytest

from app.api.metrics import MULTIPROCESS
from app.api.server import create_app
from app.api.web import WebFiles
from app.core.settings import Settings
from app.service import Footnote
from tests.api.chatting import CHAT, body, events
from tests.api.scripted import SCRIPT, Scripted
from tests.api.serving import Serve
from tests.support.paths import ROOT


async def test_alive(http: httpx.AsyncClient) -> None:
    assert (await http.get("/healthz")).json() == {"status": "ok"}
    assert (await http.head("/healthz")).status_code == 200


async def test_ready_part_by_part(http: httpx.AsyncClient, scripted: Scripted) -> None:
    scripted.parts = {"index": "ok", "cache": "degraded: Redis is away"}
    response = await http.get("/readyz")
    assert response.status_code == 200
    assert response.json() == {"ready": True, "parts": {"index": "ok", "cache": "degraded"}}


async def test_not_ready_names_the_part(http: httpx.AsyncClient, scripted: Scripted) -> None:
    scripted.parts = {"index": "no route to private.host", "cache": "ok"}
    response = await http.get("/readyz")
    assert response.status_code == 503
    assert response.headers["retry-after"]
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["parts"] == {"index": "down", "cache": "ok"}
    assert "private" not in response.text
    assert "index" in response.json()["detail"]


async def test_readiness_that_breaks_is_not_ready(
    http: httpx.AsyncClient, scripted: Scripted
) -> None:
    scripted.error = RuntimeError("private")
    response = await http.get("/readyz")
    assert response.status_code >= 500
    assert "private" not in response.text


async def test_metrics_count_requests_answers_steps_and_tokens(
    http: httpx.AsyncClient, scripted: Scripted
) -> None:
    await http.post(CHAT, json=body())
    await events(http)
    scripted.script = [*SCRIPT[:2], RuntimeError("x")]
    await events(http)
    scripted.limiter.wait_s = 1.0
    await http.post(CHAT, json=body())
    await http.get("/v1/documents/d-1")
    await http.get("/wp-login.php")
    lines = (await http.get("/metrics")).text.splitlines()
    chat = 'route="/v1/chat/completions"'
    for expected in (
        f'footnote_http_requests_total{{method="POST",{chat},status="200"}} 3.0',
        f'footnote_http_requests_total{{method="POST",{chat},status="429"}} 1.0',
        'footnote_http_requests_total{method="GET",route="unmatched",status="429"} 2.0',
        f'footnote_http_request_seconds_count{{method="POST",{chat}}} 4.0',
        'footnote_answers_total{status="answered"} 2.0',
        'footnote_answers_total{status="failed"} 1.0',
        "footnote_answers_in_progress 0.0",
        'footnote_step_seconds_count{node="generate"} 2.0',
        'footnote_step_seconds_sum{node="generate"} 4.2',
        "footnote_llm_calls_total 4.0",
        'footnote_llm_tokens_total{direction="input"} 240.0',
        'footnote_llm_tokens_total{direction="output"} 60.0',
        "footnote_llm_cost_usd_total 0.5",
    ):
        assert expected in lines, expected


async def test_metrics_name_the_route_not_the_document(http: httpx.AsyncClient) -> None:
    for number in range(3):
        await http.get(f"/v1/documents/d-{number}")
    text = (await http.get("/metrics")).text
    assert 'route="/v1/documents/{document_id}",status="200"} 3.0' in text
    assert "d-1" not in text


async def test_two_apps_in_a_process_count_apart(serve: Serve) -> None:
    first, second = await serve(), await serve()
    async with httpx.AsyncClient() as http:
        await http.post(f"{first}{CHAT}", json=body())
        line = 'footnote_answers_total{status="answered"}'
        assert line in (await http.get(f"{first}/metrics")).text
        assert line not in (await http.get(f"{second}/metrics")).text


async def test_the_api_is_described_without_the_internet(http: httpx.AsyncClient) -> None:
    schema = (await http.get("/openapi.json")).json()
    assert "/v1/chat/completions" in schema["paths"]
    assert "HTTPValidationError" not in schema["components"]["schemas"]
    page = await http.get("/docs")
    assert "POST /v1/chat/completions" in page.text
    assert "footnote.deadline_ms" in page.text
    assert "http://" not in page.text and "https://" not in page.text
    assert "sha256-" in page.headers["content-security-policy"]


async def test_workers_that_share_a_folder_count_together(tmp_path: Path) -> None:
    program = (
        "from app.api.metrics import Metrics\n"
        "metrics = Metrics()\n"
        "metrics.answers.labels('answered').inc()\n"
        "print(metrics.exposition().decode())"
    )
    environment = {**os.environ, MULTIPROCESS: str(tmp_path), "PYTHONPATH": str(ROOT)}
    for total in ("1.0", "2.0"):
        worker = await asyncio.create_subprocess_exec(
            sys.executable, "-c", program, env=environment, stdout=asyncio.subprocess.PIPE
        )
        printed, _ = await worker.communicate()
        assert f'footnote_answers_total{{status="answered"}} {total}' in printed.decode()


@pytest.mark.parametrize("path", ["/", "/static/nothing.js", "/v1/models", "/healthz", "/nope"])
async def test_a_browser_is_told_to_trust_only_this_server(
    http: httpx.AsyncClient, path: str
) -> None:
    headers = (await http.get(path)).headers
    assert headers["content-security-policy"].startswith("default-src 'self'")
    assert headers["x-content-type-options"] == "nosniff"


async def test_the_web_page_or_a_clear_word_that_it_is_missing(http: httpx.AsyncClient) -> None:
    response = await http.get("/")
    if response.status_code == 200:
        assert response.headers["content-type"].startswith("text/html")
    else:
        assert response.status_code == 404
        assert "web page" in response.json()["detail"]


async def test_python_files_of_the_package_are_not_served(http: httpx.AsyncClient) -> None:
    assert (await http.get("/static/__init__.py")).status_code == 404
    assert WebFiles(directory=".").lookup_path("app/__init__.py") == ("", None)


async def test_a_call_that_blocks_the_loop_fails_these_tests(
    http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The guard that every test here runs under does bite."""

    def blocking(_: object) -> None:
        time.sleep(0.001)

    monkeypatch.setattr("app.api.chat.ChatCompletion.of", blocking)
    assert (await http.post(CHAT, json=body())).status_code == 500


def test_nothing_is_opened_before_the_app_starts() -> None:
    def factory() -> AbstractAsyncContextManager[Footnote]:
        raise AssertionError("opened too early")

    create_app(factory, Settings())
