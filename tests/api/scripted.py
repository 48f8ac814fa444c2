"""A service that does as it is told: it shapes how the door behaves, not what it answers."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from app.adapters.sqlite_jobs import SqliteJobs
from app.core.errors import NotFoundError
from app.core.exchange import Ask, Delta, Done, Event, Feedback, IngestReport, Step
from app.core.types import (
    Answer,
    Citation,
    Document,
    Message,
    Passage,
    Scope,
    Scores,
    Sentence,
    Status,
    Usage,
)
from app.jobs.desk import JobDesk
from app.jobs.spool import Spool
from ingestion.prepare import Source

TEXT = "Full-time employees get 25 days of leave. Part-time employees get a share."
QUOTE = TEXT[:41]

ANSWER = Answer(
    answer_id="a-1",
    conversation_id="c-1",
    status=Status.ANSWERED,
    answer=f"{QUOTE} [1]",
    citations=[
        Citation(
            mark=1,
            document_id="d-0",
            title="Handbook",
            source="handbook.md",
            page=None,
            heading="Leave",
            start=0,
            end=41,
            quote=QUOTE,
        )
    ],
    sentences=[Sentence(text=f"{QUOTE} [1]", citations=[1], supported=True)],
    usage=Usage(llm_calls=2, input_tokens=120, output_tokens=30, cost_usd=0.25),
    timings_ms={"retrieve": 4.0, "generate": 2100.0},
    prompt_versions={"generate": "1.0.0"},
)

PASSAGE = Passage(
    document_id="d-0",
    title="Handbook",
    source="handbook.md",
    page=None,
    heading="Leave",
    start=0,
    end=41,
    text=QUOTE,
    score=0.9,
    scores=Scores(dense=0.8, bm25=3.0, fused=0.03, rerank=0.9),
)


def document(number: int) -> Document:
    return Document(
        document_id=f"d-{number}",
        title=f"Title {number}",
        source=f"{number}.md",
        content_hash="0",
        chunks=1,
        pages=1,
        tenant="default",
        ingested_at="2026-01-01T00:00:00Z",
    )


@dataclass(frozen=True)
class Wait:
    """A pause in a script, long enough to be cut short."""

    seconds: float = 30.0


Line = Event | Exception | Wait

SCRIPT: Sequence[Line] = (
    Step("retrieve", 4.0),
    Delta("Full-time employees get "),
    Delta("25 days of leave. [1]"),
    Step("verify", 1.5),
    Done(ANSWER),
)


@dataclass
class ScriptedStore:
    titles: int = 5
    scopes: list[Scope] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)

    async def documents(
        self, scope: Scope, *, limit: int | None = None, offset: int = 0
    ) -> list[Document]:
        self.scopes.append(scope)
        found = [document(number) for number in range(self.titles)][offset:]
        return found if limit is None else found[:limit]

    async def document(self, document_id: str, scope: Scope) -> Document:
        self.scopes.append(scope)
        for number in range(self.titles):
            if document_id == f"d-{number}":
                return document(number)
        raise NotFoundError(f"there is no document {document_id}")

    async def delete(self, document_id: str, scope: Scope) -> None:
        await self.document(document_id, scope)
        self.deleted.append(document_id)


@dataclass
class ScriptedLimiter:
    wait_s: float = 0.0
    clients: list[str] = field(default_factory=list)

    async def hit(self, client: str) -> float:
        self.clients.append(client)
        return self.wait_s


@dataclass
class ScriptedIngestion:
    """Reports one added document for each upload, once `go` is set."""

    go: asyncio.Event = field(default_factory=asyncio.Event)
    error: Exception | None = None
    ran: list[dict[str, Any]] = field(default_factory=list)
    texts: list[bytes] = field(default_factory=list)
    cancelled: int = 0

    def __post_init__(self) -> None:
        self.go.set()

    async def run(
        self,
        paths: Sequence[str],
        *,
        uploads: Sequence[Source],
        progress: Callable[[int, int, str], None],
        **terms: Any,
    ) -> IngestReport:
        self.ran.append({"paths": paths, "uploads": uploads, **terms})
        self.texts += [await asyncio.to_thread(upload.path.read_bytes) for upload in uploads]
        progress(0, len(uploads), "begun")
        try:
            await self.go.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if self.error:
            raise self.error
        return IngestReport(added=len(uploads), embedded=7)


@dataclass
class Scripted:
    """Plays `script` to whoever asks and notes what it was asked."""

    script: Sequence[Line] = SCRIPT
    store: ScriptedStore = field(default_factory=ScriptedStore)
    limiter: ScriptedLimiter = field(default_factory=ScriptedLimiter)
    ingestion: ScriptedIngestion = field(default_factory=ScriptedIngestion)
    folder: Path | None = None
    """Where jobs are kept; a folder that goes away with the server by default."""
    desk: JobDesk | None = None
    parts: dict[str, str] = field(default_factory=lambda: {"index": "ok", "cache": "ok"})
    error: Exception | None = None
    asked: list[Ask] = field(default_factory=list)
    searched: list[tuple[str, Scope, int | None]] = field(default_factory=list)
    rated: list[Feedback] = field(default_factory=list)
    forgotten: list[str] = field(default_factory=list)
    waiting: asyncio.Event = field(default_factory=asyncio.Event)
    cancelled: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def jobs(self) -> JobDesk:
        assert self.desk is not None
        return self.desk

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Scripted]:
        folder = self.folder or Path(await asyncio.to_thread(mkdtemp))
        async with SqliteJobs.open(folder / "jobs.sqlite") as queue:
            spool = Spool(folder / "uploads")
            self.desk = JobDesk(queue, spool, self.ingestion.run, alone=True)
            yield self
        if self.folder is None:
            await asyncio.to_thread(shutil.rmtree, folder)

    async def stream(self, request: Ask) -> AsyncIterator[Event]:
        self.asked.append(request)
        for line in self.script:
            if isinstance(line, Exception):
                raise line
            if isinstance(line, Wait):
                await self._wait(line.seconds)
            else:
                yield line

    async def ask(self, request: Ask) -> Answer:
        answer: Answer | None = None
        async for event in self.stream(request):
            if isinstance(event, Done):
                answer = event.answer
        assert answer is not None
        return answer

    async def _wait(self, seconds: float) -> None:
        self.waiting.set()
        try:
            await asyncio.sleep(seconds)
        except asyncio.CancelledError:
            self.cancelled.set()
            raise

    async def search(self, query: str, scope: Scope, k: int | None = None) -> list[Passage]:
        self._fail()
        self.searched.append((query, scope, k))
        return [PASSAGE]

    async def text(self, document_id: str, scope: Scope) -> str:
        await self.store.document(document_id, scope)
        return TEXT

    async def conversation(self, conversation_id: str, tenant: str) -> list[Message]:
        if conversation_id in self.forgotten:
            raise NotFoundError(f"there is no conversation {conversation_id}")
        return [Message(role="user", content=f"asked in {conversation_id} of {tenant}")]

    async def forget(self, conversation_id: str, tenant: str) -> None:
        self.forgotten.append(conversation_id)

    async def feedback(self, feedback: Feedback, tenant: str) -> None:
        self.rated.append(feedback)

    async def readiness(self) -> dict[str, str]:
        self._fail()
        return self.parts

    def _fail(self) -> None:
        if self.error is not None:
            raise self.error
