"""Documents handed in over HTTP, and what becomes of them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.core.errors import TransientError
from tests.api.scripted import Scripted
from tests.api.serving import Serve

DOCUMENTS = "/v1/documents"
FILE = ("leave.md", b"# Leave\n\nLeave is 25 days.\n")
TEXT = {"source": "wiki/leave", "title": "Leave", "text": "Leave is 25 days.\n"}
TOKEN = "operator-token"
ORDER = {"job_id": "0" * 32, "paths": ["/share"], "tenant": "acme"}


async def ended(http: httpx.AsyncClient, job: httpx.Response | str) -> dict[str, Any]:
    path = job if isinstance(job, str) else job.headers["location"]
    async with asyncio.timeout(10):
        while True:
            view: dict[str, Any] = (await http.get(path)).json()
            if view["state"] not in ("queued", "running"):
                return view
            await asyncio.sleep(0.02)


async def running(http: httpx.AsyncClient, path: str) -> dict[str, Any]:
    async with asyncio.timeout(10):
        while (view := (await http.get(path)).json())["progress"]["step"] != "begun":
            await asyncio.sleep(0.02)
    return dict(view)


async def gone(path: Path) -> None:
    """An upload goes after its job has ended: one killed in between is done again from it."""
    async with asyncio.timeout(10):
        while path.exists():
            await asyncio.sleep(0.02)


async def test_a_file_becomes_a_job_that_reports(
    http: httpx.AsyncClient, scripted: Scripted
) -> None:
    response = await http.post(
        DOCUMENTS, files={"file": FILE}, data={"title": "Leave", "tags": '{"team": "hr"}'}
    )
    assert response.status_code == 202
    queued = response.json()
    assert response.headers["location"] == f"/v1/jobs/{queued['job_id']}"
    assert queued["state"] in ("queued", "running")  # who does the jobs may be quick
    assert (queued["kind"], queued["tenant"]) == ("ingest", "default")
    assert queued["report"] is queued["error"] is queued["finished_at"] is None

    done = await ended(http, response)
    assert done["state"] == "done"
    assert done["report"] == {
        "documents": {"added": 1, "updated": 0, "unchanged": 0, "deleted": 0, "failed": 0},
        "chunks": 0,
        "seconds": 0.0,
        "failures": [],
    }
    assert done["created_at"] <= done["started_at"] <= done["finished_at"]
    (ran,) = scripted.ingestion.ran
    (upload,) = ran["uploads"]
    assert (upload.name, upload.title) == ("leave.md", "Leave")
    assert (ran["tenant"], ran["tags"], ran["sync"]) == ("default", {"team": "hr"}, False)
    assert scripted.ingestion.texts == [FILE[1]]
    await gone(upload.path)


async def test_several_files_are_one_job(http: httpx.AsyncClient, scripted: Scripted) -> None:
    parts = [("file", FILE), ("files", ("b.txt", b"b")), ("files", ("empty.txt", b""))]
    response = await http.post(DOCUMENTS, files=parts, data={"tags": ["team=hr", "formula=a=b"]})
    await ended(http, response)
    (ran,) = scripted.ingestion.ran
    assert [upload.name for upload in ran["uploads"]] == ["leave.md", "b.txt", "empty.txt"]
    assert ran["tags"] == {"team": "hr", "formula": "a=b"}


async def test_a_text_is_a_document_too(http: httpx.AsyncClient, scripted: Scripted) -> None:
    response = await http.post(DOCUMENTS, json={**TEXT, "tags": {"team": "hr"}})
    assert response.status_code == 202
    await ended(http, response)
    (ran,) = scripted.ingestion.ran
    (upload,) = ran["uploads"]
    assert (upload.name, upload.title, upload.kind) == ("wiki/leave", "Leave", "text/markdown")
    assert scripted.ingestion.texts == [TEXT["text"].encode()]


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\me\\plan.md", "plan.md"),
        ("..\\..\\x", "x"),
        ("/abs/ürlaub 🏖️.md", "ürlaub 🏖️.md"),
        ("0", "0"),
        ("a!b.md", "a!b.md"),
        (f"{'x' * 250}.md", f"{'x' * 250}.md"),
    ],
)
async def test_a_name_never_becomes_a_path(
    http: httpx.AsyncClient, scripted: Scripted, tmp_path: Path, name: str, source: str
) -> None:
    scripted.folder = tmp_path
    body, headers = multipart(name)
    response = await http.post(DOCUMENTS, content=body, headers=headers)
    assert response.status_code == 202, response.text
    await ended(http, response)
    (upload,) = scripted.ingestion.ran[0]["uploads"]
    assert upload.name == source
    assert upload.path.name == "0"
    assert ".." not in upload.path.parts


@pytest.mark.parametrize("name", ["..", "../", "/", " ", "a\0b.md", f"{'x' * 300}.md", "ü" * 200])
async def test_a_name_that_is_none_is_refused(
    http: httpx.AsyncClient, scripted: Scripted, name: str
) -> None:
    body, headers = multipart(name)
    await refused(await http.post(DOCUMENTS, content=body, headers=headers), 422)
    assert scripted.ingestion.ran == []


@pytest.mark.parametrize(
    ("status", "request_"),
    [
        (422, {"files": {"file": ("a.md", b"")}}),
        (422, {"files": {"other": FILE}}),
        (422, {"files": [("file", FILE), ("file", ("x/leave.md", b"other"))]}),
        (422, {"files": [("file", FILE), ("file", ("b", b"b"))], "data": {"title": "Both"}}),
        (422, {"files": {"file": FILE}, "data": {"tags": "{"}}),
        (422, {"files": {"file": FILE}, "data": {"tags": "team"}}),
        (422, {"files": {"file": FILE}, "data": {"tags": '{"team": 3}'}}),
        (422, {"files": {"file": FILE}, "data": {"tenant": "acme"}}),
        (422, {"files": {"x": FILE}, "data": {"file": "text"}}),
        (400, {"content": b"{", "headers": {"content-type": "application/json"}}),
        (400, {"content": b"", "headers": {}}),
        (400, {"content": b"x", "headers": {"content-type": "multipart/form-data"}}),
        (400, {"content": b"x", "headers": {"content-type": "multipart/form-data; boundary=b"}}),
        (422, {"json": []}),
        (422, {"json": {"source": "a"}}),
        (422, {"json": {**TEXT, "text": ""}}),
        (422, {"json": {**TEXT, "source": " "}}),
        (422, {"json": {**TEXT, "source": "a.zip!/b.md"}}),
        (422, {"json": {**TEXT, "source": "x" * 1001}}),
        (422, {"json": {**TEXT, "text": "a\0"}}),
        (422, {"json": {**TEXT, "path": "/etc/passwd"}}),
        (422, {"json": {**TEXT, "tenant": "acme"}}),
        (422, {"content": b'{"source": "a", "text": "\\ud800"}'}),
    ],
)
async def test_what_cannot_be_taken_in_is_refused_whole(
    http: httpx.AsyncClient, scripted: Scripted, status: int, request_: dict[str, Any]
) -> None:
    await refused(await http.post(DOCUMENTS, **request_), status)
    assert (await http.get("/v1/jobs")).json() == {"data": [], "has_more": False}


async def test_a_body_over_the_limit_is_refused_and_leaves_nothing(
    serve: Serve, scripted: Scripted, tmp_path: Path
) -> None:
    scripted.folder = tmp_path
    async with httpx.AsyncClient(base_url=await serve(max_body_mb=1)) as http:
        big = b"x" * 1_200_000
        await refused(await http.post(DOCUMENTS, files={"file": ("a", big)}), 413)

        async def pieces() -> AsyncIterator[bytes]:
            body, _ = multipart("a.md", big)
            for first in range(0, len(body), 65_536):
                yield body[first : first + 65_536]

        _, headers = multipart("a.md")
        await refused(await http.post(DOCUMENTS, content=pieces(), headers=headers), 413)
    assert not (tmp_path / "uploads").exists()


async def test_progress_is_live_and_a_running_job_can_be_cancelled(
    http: httpx.AsyncClient, scripted: Scripted
) -> None:
    scripted.ingestion.go.clear()
    path = (await http.post(DOCUMENTS, files={"file": FILE})).headers["location"]
    view = await running(http, path)
    assert view["progress"] == {"done": 0, "total": 1, "step": "begun"}
    assert view["started_at"] and view["state"] == "running"

    response = await http.delete(path)
    assert response.status_code == 202
    assert (await ended(http, path))["state"] == "cancelled"
    assert scripted.ingestion.cancelled == 1
    await gone(scripted.ingestion.ran[0]["uploads"][0].path)
    assert (await http.delete(path)).status_code == 204


async def test_jobs_wait_for_their_turn_and_may_be_cancelled_before(
    http: httpx.AsyncClient, scripted: Scripted
) -> None:
    scripted.ingestion.go.clear()
    first, second, third = [
        (await http.post(DOCUMENTS, json={**TEXT, "source": name})).headers["location"]
        for name in "abc"
    ]
    await running(http, first)
    assert (await http.delete(second)).status_code == 204
    scripted.ingestion.go.set()
    assert (await ended(http, third))["state"] == "done"
    assert (await http.get(second)).json()["state"] == "cancelled"
    assert [ran["uploads"][0].name for ran in scripted.ingestion.ran] == ["a", "c"]


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (TransientError("the store is away", hint="wait"), "the store is away; wait"),
        (ValueError("private"), "internal error (ValueError); see the log"),
    ],
)
async def test_a_job_that_fails_says_why_and_the_next_one_runs(
    http: httpx.AsyncClient, scripted: Scripted, error: Exception, told: str
) -> None:
    scripted.ingestion.error = error
    failed = await ended(http, await http.post(DOCUMENTS, json=TEXT))
    assert (failed["state"], failed["error"], failed["report"]) == ("failed", told, None)
    scripted.ingestion.error = None
    assert (await ended(http, await http.post(DOCUMENTS, json=TEXT)))["state"] == "done"


async def test_a_server_that_stops_leaves_its_job_to_the_next(
    serve: Serve, scripted: Scripted, tmp_path: Path
) -> None:
    scripted.folder = tmp_path
    scripted.ingestion.go.clear()
    from tests.api.serving import address, serving

    async with serving(scripted) as server, httpx.AsyncClient(base_url=address(server)) as http:
        path = (await http.post(DOCUMENTS, files={"file": FILE})).headers["location"]
        waiting = (await http.post(DOCUMENTS, json=TEXT)).headers["location"]
        await running(http, path)
    assert scripted.ingestion.cancelled == 1
    scripted.ingestion.go.set()
    async with httpx.AsyncClient(base_url=await serve()) as http:
        assert (await ended(http, path))["state"] == "done"
        assert (await ended(http, waiting))["state"] == "done"
    assert scripted.ingestion.texts == [FILE[1], FILE[1], TEXT["text"].encode()]


async def test_jobs_of_another_tenant_are_not_there(
    serve: Serve, scripted: Scripted, tmp_path: Path
) -> None:
    scripted.folder = tmp_path
    async with httpx.AsyncClient(base_url=await serve(tenant="acme")) as http:
        path = (await http.post(DOCUMENTS, json=TEXT)).headers["location"]
        await ended(http, path)
        assert scripted.ingestion.ran[0]["tenant"] == "acme"
        assert len((await http.get("/v1/jobs")).json()["data"]) == 1
    async with httpx.AsyncClient(base_url=await serve(tenant="rival")) as http:
        assert (await http.get("/v1/jobs")).json()["data"] == []
        await refused(await http.get(path), 404)
        await refused(await http.delete(path), 404)


async def test_pages_of_jobs_go_back_in_time(http: httpx.AsyncClient) -> None:
    ids = [(await http.post(DOCUMENTS, json=TEXT)).json()["job_id"] for _ in range(3)]
    page = (await http.get("/v1/jobs?limit=2")).json()
    assert [job["job_id"] for job in page["data"]] == [ids[2], ids[1]]
    assert page["has_more"]
    rest = (await http.get("/v1/jobs?limit=2&offset=2")).json()
    assert [job["job_id"] for job in rest["data"]] == [ids[0]]
    await refused(await http.get("/v1/jobs?limit=0"), 422)


async def test_the_key_is_asked_for(serve: Serve, scripted: Scripted) -> None:
    async with httpx.AsyncClient(base_url=await serve(key="secret")) as http:
        for method, path in (("POST", DOCUMENTS), ("GET", "/v1/jobs"), ("DELETE", "/v1/jobs/x")):
            await refused(await http.request(method, path), 401)
        http.headers["Authorization"] = "Bearer secret"
        assert (await http.post(DOCUMENTS, json=TEXT)).status_code == 202


async def test_the_door_stays_open_while_a_job_runs(
    http: httpx.AsyncClient, scripted: Scripted
) -> None:
    scripted.ingestion.go.clear()
    path = (await http.post(DOCUMENTS, files={"file": ("a", b"x" * 5_000_000)})).headers["location"]
    await running(http, path)
    async with asyncio.timeout(5):
        found = await asyncio.gather(
            *(http.post("/v1/search", json={"query": "leave"}) for _ in range(20))
        )
    assert {response.status_code for response in found} == {200}


async def test_the_api_page_tells_of_uploads(http: httpx.AsyncClient) -> None:
    schema = (await http.get("/openapi.json")).json()
    body = schema["paths"][DOCUMENTS]["post"]["requestBody"]["content"]
    assert {*body} == {"multipart/form-data", "application/json"}
    assert "{job_id}" in "".join(schema["paths"])
    assert not any("operator" in path for path in schema["paths"])
    page = (await http.get("/docs")).text
    assert "Add documents" in page and "Cancel a job" in page


# The operator


async def operating(serve: Serve, token: str, **api: Any) -> httpx.AsyncClient:
    url = await serve(operator_token=TOKEN, **api)
    return httpx.AsyncClient(base_url=url, headers={"Authorization": f"Bearer {token}"})


async def test_the_operator_hands_in_paths_for_any_tenant(serve: Serve, scripted: Scripted) -> None:
    scripted.limiter.wait_s = 9.0  # clients have to wait, the operator has not
    async with await operating(serve, TOKEN, key="secret") as http:
        order = {
            **ORDER,
            "tags": {"a": "b"},
            "sync": True,
            "yes": True,
            "workers": 3,
            "address": "auto",
        }
        for _ in range(2):  # the first answer may have been lost
            assert (await http.post("/v1/operator/jobs", json=order)).status_code == 202
        view = await ended(http, f"/v1/operator/jobs/{ORDER['job_id']}")
        assert view["report"]["embedded"] == 7
        assert scripted.ingestion.ran == [
            {
                "paths": ["/share"],
                "uploads": [],
                "tenant": "acme",
                "tags": {"a": "b"},
                "sync": True,
                "yes": True,
                "workers": 3,
                "address": "auto",
            }
        ]
        assert (await http.get("/v1/jobs")).json()["data"] == []  # the API's tenant is another


@pytest.mark.parametrize(
    "sent", ["", "Bearer", "Bearer wrong", "Bearer secret", f"Basic {TOKEN}", f"Bearer {TOKEN}x"]
)
async def test_nothing_but_the_token_opens_the_operator_s_routes(
    serve: Serve, scripted: Scripted, sent: str
) -> None:
    base = await serve(operator_token=TOKEN, key="secret")
    async with httpx.AsyncClient(base_url=base, headers={"Authorization": sent}) as http:
        paths = ("/v1/operator/jobs", "/v1/operator/why-not", "/v1/operator/", "//v1/operator/jobs")
        for path in paths:
            assert (await http.post(path, json=ORDER)).status_code in (401, 404), path
        await refused(await http.get("/v1/operator"), 401)
        await refused(await http.delete("/v1/operator/jobs/x"), 401)
    assert scripted.ingestion.ran == []


async def test_a_server_without_an_operator_has_no_token(serve: Serve) -> None:
    async with httpx.AsyncClient(base_url=await serve()) as http:
        for sent in ("", "Bearer", "Bearer none"):
            headers = {"Authorization": sent}
            await refused(await http.post("/v1/operator/jobs", json=ORDER, headers=headers), 401)


@pytest.mark.parametrize(
    "wrong",
    [{"paths": ["share"]}, {"paths": []}, {"job_id": "../../x"}, {"tenant": ""}, {"workers": -1}],
)
async def test_an_order_that_cannot_be_is_refused(serve: Serve, wrong: dict[str, Any]) -> None:
    async with await operating(serve, TOKEN) as http:
        await refused(await http.post("/v1/operator/jobs", json={**ORDER, **wrong}), 422)


async def refused(response: httpx.Response, status: int) -> None:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    assert json.loads(response.text)["detail"]


def multipart(name: str, content: bytes = b"text") -> tuple[bytes, dict[str, str]]:
    """A form with one file, whose name is sent as it is."""
    quoted = name.replace("\\", "\\\\")
    head = f'--b\r\nContent-Disposition: form-data; name="file"; filename="{quoted}"\r\n\r\n'
    body = head.encode() + content + b"\r\n--b--\r\n"
    return body, {"Content-Type": "multipart/form-data; boundary=b"}
