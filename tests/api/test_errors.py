"""What a caller learns when something goes wrong, and what stays inside."""

from __future__ import annotations

import httpx
import pytest
import structlog

from app.core.errors import (
    ConfigError,
    InputError,
    LockedError,
    NotFoundError,
    PermanentError,
    TooLargeError,
    TransientError,
)
from tests.api.chatting import CHAT, body
from tests.api.scripted import Scripted

SECRET = "sk-very-private"
QUERY = {"query": "leave"}


@pytest.mark.parametrize(
    ("error", "status", "retry_after"),
    [
        (InputError("bad query"), 400, None),
        (TooLargeError("too long"), 413, None),
        (NotFoundError("nothing there"), 404, None),
        (ConfigError(SECRET), 500, None),
        (PermanentError(SECRET), 500, None),
        (TransientError(SECRET, retry_after_s=2.2), 503, "3"),
        (TransientError(SECRET), 503, "5"),
        (LockedError(SECRET), 503, "5"),
        (ValueError(SECRET), 500, None),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
async def test_every_error_has_its_status_and_a_problem_body(
    http: httpx.AsyncClient,
    scripted: Scripted,
    error: Exception,
    status: int,
    retry_after: str | None,
) -> None:
    scripted.error = error
    response = await http.post("/v1/search", json=QUERY, headers={"X-Request-ID": "r-1"})
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers.get("retry-after") == retry_after
    problem = response.json()
    assert problem["status"] == status
    assert problem["title"]
    assert problem["request_id"] == "r-1"
    assert SECRET not in response.text
    if status < 500:
        assert problem["detail"] == str(error)


async def test_the_hint_tells_what_to_do_next(http: httpx.AsyncClient, scripted: Scripted) -> None:
    scripted.error = InputError("bad filter", hint="name a tag")
    response = await http.post("/v1/search", json=QUERY)
    assert response.json()["detail"] == "bad filter; name a tag"


async def test_the_log_keeps_what_the_client_is_not_told(
    http: httpx.AsyncClient, scripted: Scripted
) -> None:
    scripted.script = [ValueError(SECRET)]
    merge = structlog.contextvars.merge_contextvars
    with structlog.testing.capture_logs(processors=[merge]) as lines:
        response = await http.post(CHAT, json=body())
    assert response.status_code == 500
    assert SECRET not in response.text
    [line] = [line for line in lines if line["log_level"] == "error"]
    assert SECRET in str(line["exc_info"])
    assert line["request_id"] == response.headers["x-request-id"]


@pytest.mark.parametrize(
    ("request_body", "loc"),
    [
        ({}, ["body", "query"]),
        ({"query": ""}, ["body", "query"]),
        ({"query": "x", "k": 0}, ["body", "k"]),
        ({"query": "x", "k": 10_000}, ["body", "k"]),
        ({"query": "x", "topk": 3}, ["body", "topk"]),
        ({"query": "x", "filters": {"team": {"$ne": 1}}}, ["body", "filters"]),
    ],
)
async def test_bad_input_is_refused_by_name_without_repeating_it(
    http: httpx.AsyncClient, request_body: object, loc: list[str]
) -> None:
    response = await http.post("/v1/search", json=request_body)
    assert response.status_code == 422
    assert response.headers["content-type"] == "application/problem+json"
    fault = response.json()["errors"][0]
    assert fault["loc"][: len(loc)] == loc
    assert set(fault) == {"loc", "msg"}


@pytest.mark.parametrize("k", [0, -1, 1001, 10_000])
async def test_how_many_passages_may_be_asked_for_is_said_and_not_guessed(
    http: httpx.AsyncClient, k: int
) -> None:
    response = await http.post("/v1/search", json={"query": "x", "k": k})
    assert response.json()["detail"] == "k: ask for 1 to 1000 passages"


async def test_broken_json_is_a_400(http: httpx.AsyncClient) -> None:
    headers = {"Content-Type": "application/json"}
    for content in (b"{", b"\xff\xfe"):
        response = await http.post("/v1/search", content=content, headers=headers)
        assert response.status_code == 400
        assert response.headers["content-type"] == "application/problem+json"


async def test_unknown_paths_and_methods_are_problems_too(http: httpx.AsyncClient) -> None:
    missing = await http.get("/v1/nothing")
    assert (missing.status_code, missing.json()["title"]) == (404, "Not Found")
    wrong = await http.put("/v1/search")
    assert wrong.status_code == 405
    assert "POST" in wrong.headers["allow"]
    assert wrong.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("given", ["abc-1.2_3", "x" * 128])
async def test_a_sane_request_id_is_kept(http: httpx.AsyncClient, given: str) -> None:
    response = await http.get("/healthz", headers={"X-Request-ID": given})
    assert response.headers["x-request-id"] == given


@pytest.mark.parametrize("given", ["", "two words", "x" * 129, "<script>", "a\tb"])
async def test_an_odd_request_id_is_replaced(http: httpx.AsyncClient, given: str) -> None:
    response = await http.get("/healthz", headers={"X-Request-ID": given})
    assert response.headers["x-request-id"] not in (given, "")
