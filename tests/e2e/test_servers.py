"""With servers: they may come and go, be shared, or be slow. Answers go on."""

from __future__ import annotations

import asyncio
import gzip
import sys
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from qdrant_client import AsyncQdrantClient

from app.core.errors import NotFoundError
from app.core.exchange import Ask, Feedback
from app.core.settings import Settings, load_settings
from app.core.types import Answer, Scope, Status
from app.service import Footnote
from app.wiring import open_footnote
from tests.api.chatting import CHAT, body
from tests.graph.library import LEAVE_QUESTION, Library, hear, made_library
from tests.graph.serving import ask_http, serving
from tests.support.paths import ROOT
from tests.support.redis_server import RedisServer

FROM_CACHE = ["everything: answered from the cache"]
PATIENT_S = 10.0  # a busy machine is not a lost Redis
BACK_S = 3.3  # Redis is left alone for so long after a failure


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    return asyncio.run(made_library(tmp_path_factory.mktemp("library")))


def _settings(library: Library, **settings: Any) -> Settings:
    answer = {"relevant": 0.0, "answerable": 0.0}
    return load_settings(data_dir=library.data_dir, answer=answer, **settings)


# Redis


async def test_losing_redis_in_a_conversation_costs_the_cache_and_nothing_else(
    library: Library, redis_server: RedisServer
) -> None:
    redis = {"url": redis_server.url, "timeout_s": PATIENT_S}
    settings = _settings(library, redis=redis, api={"rate_limit": "none"})

    async def again(client: httpx.AsyncClient, **extras: Any) -> Answer:
        started = time.monotonic()
        answer = (await ask_http(client, LEAVE_QUESTION, stream=True, **extras)).answer
        assert answer.status is Status.ANSWERED and time.monotonic() - started < 5
        return answer

    async with serving(settings) as client:
        first = await again(client)
        assert (await again(client)).skipped == FROM_CACHE
        redis_server.kill()
        assert (await again(client)).skipped == []
        follow_up = await again(client, conversation_id=first.conversation_id)
        assert follow_up.conversation_id == first.conversation_id
        assert "degraded" in (await client.get("/readyz")).json()["parts"]["cache"]
        redis_server.start()
        await asyncio.sleep(BACK_S)
        assert (await again(client)).skipped == []
        assert (await again(client)).skipped == FROM_CACHE
        url = f"/v1/conversations/{first.conversation_id}"
        assert len((await client.get(url)).json()["messages"]) == 4


async def test_losing_redis_lifts_no_rate_limit(
    library: Library, redis_server: RedisServer
) -> None:
    redis = {"url": redis_server.url, "timeout_s": PATIENT_S}
    settings = _settings(library, redis=redis, api={"rate_limit": "5/minute"})

    async def allowed(client: httpx.AsyncClient) -> int:
        for count in range(20):
            response = await client.post(CHAT, json=body("Hello"))
            if response.status_code == 429:
                assert float(response.headers["retry-after"]) > 0
                return count
            assert response.status_code == 200
        raise AssertionError("the limit is gone")

    async with serving(settings) as client:
        assert await allowed(client) == 5
        redis_server.kill()
        assert await allowed(client) == 5  # counted in the process, from the start
        redis_server.start()
        await asyncio.sleep(BACK_S)
        assert await allowed(client) == 5  # Redis came back empty


async def test_redis_away_at_the_start_does_not_stop_the_service(
    library: Library, free_port: int
) -> None:
    settings = _settings(library, redis={"url": f"redis://127.0.0.1:{free_port}/0"})
    async with open_footnote(settings) as footnote:
        assert (await hear(footnote, LEAVE_QUESTION)).answer.status is Status.ANSWERED


@pytest.mark.filterwarnings("ignore:Payload indexes have no effect")
async def test_services_share_answers_only_over_the_same_documents(
    tmp_path: Path, redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two workers over one Qdrant share; when a document changes, neither answers from memory."""
    qdrant = _KeptOpen(":memory:")
    monkeypatch.setattr("app.adapters.qdrant_server.connect", lambda *_, **__: qdrant)
    document = tmp_path / "leave.md"
    document.write_text("# Leave\n\nLeave is 25 days a year.\n")
    servers = {"redis": {"url": redis_server.url}, "qdrant": {"url": "http://stand-in"}}
    one, two = (_settings(Library(tmp_path, tmp_path / n), **servers) for n in ("one", "two"))
    async with open_footnote(one) as first, open_footnote(two) as second:
        await first.ingest([document], tenant="default", tags={})
        asked = await hear(first, LEAVE_QUESTION)
        shared = await hear(second, LEAVE_QUESTION)
        assert shared.answer.skipped == FROM_CACHE
        assert shared.answer.answer == asked.answer.answer
        document.write_text("# Leave\n\nLeave is 30 days a year.\n")
        await first.ingest([document], tenant="default", tags={})
        for footnote in (second, first):
            heard = await hear(footnote, LEAVE_QUESTION)
            assert "30 days" in heard.answer.answer
        await first.store.delete(heard.answer.citations[0].document_id, Scope())
        gone = await hear(second, LEAVE_QUESTION)
        assert gone.answer.status is Status.ABSTAINED


async def test_services_with_other_documents_never_answer_for_each_other(
    tmp_path: Path, redis_server: RedisServer
) -> None:
    """Two embedded indexes, the same tenant, one Redis."""
    for days in (25, 30):
        folder = tmp_path / str(days)
        folder.mkdir()
        (folder / "leave.md").write_text(f"# Leave\n\nLeave is {days} days a year.\n")
        settings = _settings(Library(folder, folder / "data"), redis={"url": redis_server.url})
        async with open_footnote(settings) as footnote:
            await footnote.ingest([folder / "leave.md"], tenant="default", tags={})
            for _ in range(2):
                heard = await hear(footnote, LEAVE_QUESTION)
                assert f"{days} days" in heard.answer.answer
            assert heard.answer.skipped == FROM_CACHE


class _KeptOpen(AsyncQdrantClient):
    """The official client's own engine, shared by several services as a server is."""

    async def close(self, grpc_grace: float | None = None, **kwargs: Any) -> None:
        """It ends with the test."""


# PostgreSQL


@pytest.fixture
def tenant() -> str:
    """The database is shared by all tests."""
    return f"tenant-{uuid.uuid4().hex[:8]}"


@asynccontextmanager
async def _worker(folder: Path, postgres_url: str) -> AsyncIterator[Footnote]:
    settings = _settings(Library(folder, folder / "data"), database={"url": postgres_url})
    async with open_footnote(settings) as footnote:
        yield footnote


async def test_any_worker_goes_on_with_any_conversation(
    tmp_path: Path, postgres_url: str, tenant: str
) -> None:
    async with _worker(tmp_path / "one", postgres_url) as footnote:
        first = await hear(footnote, "What is the daily allowance in Germany?", tenant=tenant)
        conversation = first.answer.conversation_id
    async with _worker(tmp_path / "two", postgres_url) as footnote:
        heard = await hear(
            footnote, "And in Spain?", tenant=tenant, conversation=conversation, trace=True
        )
        condensed = next(step for step in heard.steps if step.node == "condense")
        assert "allowance" in str(condensed.details["standalone"])
        messages = await footnote.conversation(conversation, tenant)
        assert [m.role for m in messages] == ["user", "assistant"] * 2
        with pytest.raises(NotFoundError):
            await footnote.conversation(conversation, "another")


async def test_a_conversation_keeps_one_checkpoint_however_long_it_is(
    tmp_path: Path, postgres_url: str, tenant: str
) -> None:
    async with _worker(tmp_path, postgres_url) as footnote:
        for n in range(6):
            await hear(footnote, f"Question {n}?", tenant=tenant, conversation="long")
        assert len(await footnote.conversation("long", tenant)) == 12
        assert await _rows(postgres_url, "checkpoints", tenant) == 1
        assert await _rows(postgres_url, "checkpoint_writes", tenant) == 0
        assert await _rows(postgres_url, "checkpoint_blobs", tenant) <= 3
        await footnote.forget("long", tenant)
        for table in ("checkpoints", "checkpoint_writes", "checkpoint_blobs"):
            assert await _rows(postgres_url, table, tenant) == 0


async def test_many_at_once_each_get_their_answer(
    tmp_path: Path, postgres_url: str, tenant: str
) -> None:
    """Two workers, some of them in the same conversation."""
    async with (
        _worker(tmp_path / "one", postgres_url) as one,
        _worker(tmp_path / "two", postgres_url) as two,
    ):
        await asyncio.gather(
            *(
                hear((one, two)[n % 2], f"Question {n}?", tenant=tenant, conversation=f"c{n % 3}")
                for n in range(12)
            )
        )
        for n in range(3):
            messages = await one.conversation(f"c{n}", tenant)
            assert [m.role for m in messages] == ["user", "assistant"] * (len(messages) // 2)


async def test_a_judgement_reaches_the_database(
    tmp_path: Path, postgres_url: str, tenant: str
) -> None:
    async with _worker(tmp_path, postgres_url) as footnote:
        for rating, comment in ((1, "good"), (-1, "no: “25” ≠ 30")):
            feedback = Feedback(answer_id="a-1", rating=rating, comment=comment)
            await footnote.feedback(feedback, tenant)
    async with await psycopg.AsyncConnection.connect(postgres_url) as db:
        cursor = await db.execute(
            "SELECT rating, comment FROM feedback WHERE tenant = %s", (tenant,)
        )
        assert await cursor.fetchall() == [(-1, "no: “25” ≠ 30")]


async def _rows(url: str, table: str, tenant: str) -> int:
    async with await psycopg.AsyncConnection.connect(url) as db:
        cursor = await db.execute(
            f"SELECT count(*) FROM {table} WHERE thread_id LIKE %s",
            (f"%{tenant}%",),
        )
        row = await cursor.fetchone()
    assert row is not None
    return int(row[0])


# Langfuse


class Tracing:
    """An HTTP server that takes traces, or takes none and never answers."""

    def __init__(self, *, silent: bool = False) -> None:
        self.silent = silent
        self.host = ""
        self.posts: list[tuple[str, bytes]] = []

    async def __aenter__(self) -> Tracing:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.host = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                lines = head.decode().lower().split("\r\n")
                length = next(int(x[15:]) for x in lines if x.startswith("content-length:"))
                sent = await reader.readexactly(length)
                if self.silent:
                    await asyncio.sleep(60)
                packed = "content-encoding: gzip" in lines
                path = head.decode().split(" ")[1]
                self.posts.append((path, gzip.decompress(sent) if packed else sent))
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()


def _langfuse(host: str) -> dict[str, str]:
    # Langfuse keeps one client for each public key of a process: each test has its own.
    keys = {"langfuse_public_key": f"pk-{uuid.uuid4()}", "langfuse_secret_key": "sk-very-secret"}
    return {**keys, "langfuse_host": host}


async def _asked(footnote: Footnote) -> float:
    """Seconds of a question, the best of three."""
    took = []
    for _ in range(3):
        started = time.monotonic()
        answer = await footnote.ask(Ask(LEAVE_QUESTION, Scope()))
        took.append(time.monotonic() - started)
        assert answer.status is Status.ANSWERED and answer.skipped == []
    return min(took)


@pytest.mark.parametrize("silent", [False, True], ids=["dead host", "silent host"])
async def test_a_langfuse_that_does_not_answer_slows_nothing(
    library: Library, free_port: int, silent: bool
) -> None:
    off = {"cache": {"enabled": False}}
    async with open_footnote(_settings(library, **off)) as footnote:
        without = await _asked(footnote)
    async with Tracing(silent=True) as tracing:
        host = tracing.host if silent else f"http://127.0.0.1:{free_port}"
        async with open_footnote(_settings(library, **off, **_langfuse(host))) as footnote:
            assert await _asked(footnote) - without < 1
            closing = time.monotonic()
        assert time.monotonic() - closing < 4.5


async def test_a_command_ends_soon_though_langfuse_is_silent(library: Library) -> None:
    """No thread of the tracer keeps the process."""
    script = (
        "import asyncio, sys, app.wiring as w; from app.core.settings import load_settings\n"
        "from app.core.exchange import Ask; from app.core.types import Scope\n"
        "async def main():\n"
        "    async with w.open_footnote(load_settings()) as footnote:\n"
        "        print((await footnote.ask(Ask(sys.argv[1], Scope()))).status, flush=True)\n"
        "asyncio.run(main())\n"
    )
    async with Tracing(silent=True) as tracing:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", script, LEAVE_QUESTION,
            cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
            env={
                "FOOTNOTE_DATA_DIR": str(library.data_dir),
                "LANGFUSE_PUBLIC_KEY": "pk", "LANGFUSE_SECRET_KEY": "sk",
                "LANGFUSE_HOST": tracing.host,
            },
        )  # fmt: skip
        assert process.stdout is not None
        assert await process.stdout.readline() in (b"answered\n", b"abstained\n")
        started = time.monotonic()
        assert await process.wait() == 0
    assert time.monotonic() - started < 6


async def test_a_question_can_be_followed_through_its_spans(library: Library) -> None:
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
        ExportTraceServiceRequest,
    )

    async with Tracing() as tracing:
        async with open_footnote(_settings(library, **_langfuse(tracing.host))) as footnote:
            await hear(footnote, LEAVE_QUESTION)
        assert tracing.posts and all("/otel/v1/traces" in path for path, _ in tracing.posts)
        spans = [
            span
            for _, sent in tracing.posts
            for resource in ExportTraceServiceRequest.FromString(sent).resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]
    assert {"guard", "retrieve", "rerank", "generate", "verify", "finish"} <= {
        span.name for span in spans
    }
    assert len({span.trace_id for span in spans}) == 1
