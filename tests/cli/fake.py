"""A service for the command line to use, without models or an index."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.core.errors import NotFoundError
from app.core.exchange import (
    Ask,
    Delta,
    Done,
    Event,
    Failure,
    IngestReport,
    Part,
    Stage,
    Step,
    WhyNot,
)
from app.core.settings import Settings
from app.core.types import Answer, Citation, Document, Passage, Scope, Scores, Status

QUOTE = "Full-time employees get 28 days of leave 🏖️ a year."
ANSWER = Answer(
    answer_id="a-1",
    conversation_id="c-1",
    status=Status.ANSWERED,
    answer=f"{QUOTE} [1]",
    citations=[
        Citation(
            mark=1,
            document_id="d-1",
            title="Handbook",
            source="docs/leave.md",
            page=3,
            heading="Annual leave",
            start=10,
            end=10 + len(QUOTE),
            quote=QUOTE,
        )
    ],
    timings_ms={"retrieve": 4.0},
)
PASSAGE = Passage(
    document_id="d-1",
    title="Handbook [bold]",
    source="docs/leave.md",
    page=3,
    heading="Annual leave",
    start=10,
    end=10 + len(QUOTE),
    text=QUOTE,
    score=0.875,
    scores=Scores(dense=0.5, bm25=2.0, fused=0.03),
)
DOCUMENT = Document(
    document_id="d-1",
    title="Handbook",
    source="docs/leave.md",
    content_hash="0",
    chunks=2,
    pages=3,
    tenant="default",
    tags={"team": "hr"},
    ingested_at="2026-01-01T00:00:00Z",
)

PART = Part(**{name: getattr(PASSAGE, name) for name in Part.model_fields})
WHY_NOT = WhyNot(
    question="leave?",
    document_id="d-1",
    title="Handbook [bold]",
    lost_at="near_copy",
    reason="97% of its best chunk stands in “Other”, ranked above it",
    evidence=[],
    stages=[
        Stage(stage="index", kept=True, of=2),
        Stage(stage="dense", kept=True, rank=12, of=99, cut=50, score=0.5, passage=PART),
        Stage(stage="bm25", kept=False, of=3, cut=50, why="it shares no word with the question"),
        Stage(stage="choice", kept=False, of=8, cut=8, score=0.25, passage=PART,
              other=PART.model_copy(update={"title": "Other"})),
    ],
)  # fmt: skip


@dataclass
class Store:
    scopes: list[Scope] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    listed: list[Document] = field(default_factory=lambda: [DOCUMENT])

    async def documents(self, scope: Scope, **_: Any) -> list[Document]:
        self.scopes.append(scope)
        return self.listed

    async def document(self, document_id: str, scope: Scope) -> Document:
        self.scopes.append(scope)
        if document_id != DOCUMENT.document_id:
            raise NotFoundError(f"there is no document {document_id}", hint="list them")
        return DOCUMENT

    async def delete(self, document_id: str, scope: Scope) -> None:
        await self.document(document_id, scope)
        self.deleted.append(document_id)


@dataclass
class FakeFootnote:
    """Notes what it is asked; `error` is raised by everything."""

    store: Store = field(default_factory=Store)
    events: Sequence[Event] = (Step("retrieve", 4.0), Delta(QUOTE), Delta(" [1]"), Done(ANSWER))
    passages: list[Passage] = field(default_factory=lambda: [PASSAGE])
    report: IngestReport = field(default_factory=IngestReport)
    error: BaseException | None = None
    signal: signal.Signals | None = None
    """Sent to this very process in the middle of an ingestion."""
    asked: list[Ask] = field(default_factory=list)
    searched: list[tuple[str, Scope, int | None]] = field(default_factory=list)
    missed: list[tuple[str, str, Scope]] = field(default_factory=list)
    ingested: list[dict[str, Any]] = field(default_factory=list)
    chatter: str = ""
    """What a library writes to stdout, where it does not belong."""
    closed: bool = False

    @asynccontextmanager
    async def open(self, _: Settings) -> AsyncIterator[FakeFootnote]:
        try:
            yield self
        finally:
            self.closed = True

    async def stream(self, request: Ask) -> AsyncIterator[Event]:
        self.asked.append(request)
        sys.stdout.write(self.chatter)
        if self.error:
            raise self.error
        for event in self.events:
            yield event

    async def search(self, query: str, scope: Scope, k: int | None = None) -> list[Passage]:
        self.searched.append((query, scope, k))
        return self.passages

    async def why_not(self, question: str, document_id: str, scope: Scope) -> WhyNot:
        self.missed.append((question, document_id, scope))
        return WHY_NOT

    async def ingest(
        self,
        paths: Sequence[Path],
        *,
        tenant: str,
        tags: dict[str, str],
        sync: bool = False,
        progress: Callable[[int, int, str], None] | None = None,
        **more: Any,
    ) -> IngestReport:
        asked = {"paths": paths, "tenant": tenant, "tags": tags, "sync": sync}
        self.ingested.append(asked | {name: value for name, value in more.items() if value})
        if self.signal:
            os.kill(os.getpid(), self.signal)
            await asyncio.sleep(30)
        if progress:
            progress(1, 2, "docs/[bold]leave.md")
        return self.report


FAILED = IngestReport(
    added=1,
    chunks=4,
    seconds=1.5,
    failures=[Failure("x.pdf", "it is encrypted", "give a password")],
)
