"""What a conversation leaves on disk: the real service over the handbook, against naive
LangGraph given the same questions, passages and answers."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.adapters.memory import SqliteMemory
from app.core.exchange import Ask
from app.core.settings import Settings
from app.core.types import Scope
from app.service import Footnote
from app.wiring import open_footnote
from eval.bench.child import say
from eval.bench.material.handbook import DOCUMENTS, questions
from eval.bench.material.naive import Found, naive_graph
from eval.bench.material.sqlite_size import file_bytes, stored_bytes

_CONVERSATION = "bench"


def measure(*, turns: int) -> dict[str, Any]:
    """Bytes of the file and of what is stored in it, before the first turn and after each."""
    return asyncio.run(_measure(turns))


@dataclass(slots=True)
class _Scale:
    """Weighs a file again and again."""

    file: Path
    file_bytes: list[int]
    stored_bytes: list[int]

    def weigh(self) -> None:
        self.file_bytes.append(file_bytes(self.file))
        self.stored_bytes.append(stored_bytes(self.file))


async def _measure(turns: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        ours = _Scale(Path(folder) / "conversations.sqlite", [], [])
        other = _Scale(Path(folder) / "naive.sqlite", [], [])
        chars: list[int] = []
        async with _service(Path(folder)) as service, SqliteMemory.open(other.file) as memory:
            naive = naive_graph().compile(checkpointer=memory.checkpointer)
            for scale in (ours, other):
                scale.weigh()
            for question in questions(turns):
                answer = await service.ask(Ask(question, Scope(), _CONVERSATION))
                await _turn(naive, question, await _found(service, question, answer.answer))
                for scale in (ours, other):
                    scale.weigh()
                chars.append(len(question) + len(answer.answer))
        return {
            "chars": chars,
            "ours": {"file": ours.file_bytes, "stored": ours.stored_bytes},
            "other": {"file": other.file_bytes, "stored": other.stored_bytes},
        }


@asynccontextmanager
async def _service(folder: Path) -> AsyncIterator[Footnote]:
    async with open_footnote(Settings(data_dir=folder)) as service:
        report = await service.ingest([DOCUMENTS], tenant=Scope().tenant, tags={})
        say(f"  footnote: {report.chunks} chunks of the handbook ingested")
        yield service


async def _found(service: Footnote, question: str, answer: str) -> Found:
    settings = service.settings
    passages = await service.search(question, Scope(), settings.reranking.depth)
    return Found([p.model_dump() for p in passages], settings.retrieval.k, answer)


async def _turn(naive: Any, question: str, found: Found) -> None:
    config = {"configurable": {"thread_id": _CONVERSATION}}
    await naive.ainvoke({"question": question}, config, context=found)
