"""Footnote with a fault planted in it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from app.core.exchange import Ask, IngestReport
from app.core.settings import Settings
from app.core.types import Answer, Passage, Scope
from app.service import Footnote
from app.wiring import open_footnote
from eval.runner import Open, Progress
from graphs.context import Context


@dataclass(frozen=True)
class Faulty:
    """Passes everything on; answers go through `spoil` on their way out."""

    footnote: Footnote
    spoil: Callable[[Answer], Answer]

    @property
    def base(self) -> Context:
        return self.footnote.base

    async def ask(self, request: Ask) -> Answer:
        return self.spoil(await self.footnote.ask(request))

    async def search(self, query: str, scope: Scope, k: int | None = None) -> list[Passage]:
        return await self.footnote.search(query, scope, k)

    async def text(self, document_id: str, scope: Scope) -> str:
        return await self.footnote.text(document_id, scope)

    async def ingest(
        self,
        paths: Sequence[str | Path],
        *,
        tenant: str,
        tags: Mapping[str, str],
        sync: bool = False,
        progress: Progress | None = None,
    ) -> IngestReport:
        return await self.footnote.ingest(
            paths, tenant=tenant, tags=tags, sync=sync, progress=progress
        )


def faulty(spoil: Callable[[Answer], Answer]) -> Open:
    """Opens a Footnote whose answers are spoiled."""

    @asynccontextmanager
    async def open_faulty(settings: Settings) -> AsyncIterator[Faulty]:
        async with open_footnote(settings) as footnote:
            yield Faulty(footnote, spoil)

    return open_faulty


def without_citations(answer: Answer) -> Answer:
    """The citations are gone; the text still carries their marks."""
    return answer.model_copy(update={"citations": []})


def shifted_citations(answer: Answer) -> Answer:
    """Every citation points one character too far."""
    moved = [
        c.model_copy(update={"start": c.start + 1, "end": c.end + 1}) for c in answer.citations
    ]
    return answer.model_copy(update={"citations": moved})


def broken(answer: Answer) -> Answer:
    """No answer at all."""
    raise RuntimeError("sk-secret in the text of an error")
