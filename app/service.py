"""Footnote as the doors see it: one object that asks, searches, ingests and remembers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

from app.core.types import (
    Answer,
    Ask,
    Event,
    Feedback,
    IngestReport,
    Message,
    Passage,
    Scope,
)


class Footnote:
    """The service. `app.wiring.open_footnote` makes it; a door only uses it."""

    # being written; signatures are final:
    #   self.settings: Settings ; self.store: ChunkStore ; self.limiter: RateLimiter

    async def ask(self, request: Ask) -> Answer: ...
    def stream(self, request: Ask) -> AsyncIterator[Event]: ...
    async def search(self, query: str, scope: Scope, k: int | None = None) -> list[Passage]: ...
    async def text(self, document_id: str, scope: Scope) -> str: ...
    async def ingest(
        self,
        paths: Sequence[Path],
        *,
        tenant: str,
        tags: dict[str, str],
        sync: bool = False,
        progress: Callable[[int, int, str], None] | None = None,
    ) -> IngestReport: ...
    async def conversation(self, conversation_id: str, tenant: str) -> list[Message]: ...
    async def forget(self, conversation_id: str, tenant: str) -> None: ...
    async def feedback(self, feedback: Feedback, tenant: str) -> None: ...
    async def readiness(self) -> dict[str, str]: ...
