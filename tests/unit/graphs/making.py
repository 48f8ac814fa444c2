"""Passages, evidence and stand-ins for what the skills use."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pydantic import BaseModel

from app.core.run import Run
from app.core.text import words
from app.core.types import Completion, Passage
from graphs.context import Evidence

M = TypeVar("M", bound=BaseModel)
PREFACE = "Something stands before. "


def run() -> Run:
    return Run(deadline_ms=60_000)


def passage(text: str, document: str = "d-1", *, heading: str = "", start: int = 0) -> Passage:
    return Passage(
        document_id=document,
        title=f"Title of {document}",
        source=f"{document}.md",
        page=None,
        heading=heading,
        start=start,
        end=start + len(text),
        text=text,
        score=0.5,
    )


def evidence(*texts: str) -> list[Evidence]:
    """Each text as the evidence of a passage of its own, cut out of its middle."""
    found = []
    for number, text in enumerate(texts, start=1):
        whole = passage(f"{PREFACE}{text}", f"d-{number}", start=100)
        found.append(Evidence(number, whole, 100 + len(PREFACE), text))
    return found


class WordScorer:
    """Scores a sentence by the share of the question's words in it."""

    async def score_sentences(
        self, question: str, sentences: Sequence[str], contexts: Sequence[str]
    ) -> list[float]:
        wanted = set(words(question))
        return [len(wanted & set(words(s))) / max(1, len(wanted)) for s in sentences]


def count_words(texts: Sequence[str]) -> list[int]:
    return [len(words(text)) for text in texts]


@dataclass
class FakeGateway:
    """Replies by prompt: a text, a dict for JSON, or an error to raise; pieces to stream."""

    replies: dict[str, Any] = field(default_factory=dict)
    pieces: Sequence[str] = ()
    truncated: bool = False
    asked: list[tuple[str, dict[str, object]]] = field(default_factory=list)

    async def text(self, prompt: str, run: Run, **variables: object) -> str:
        return str(self._reply(prompt, variables))

    async def structured(self, prompt: str, shape: type[M], run: Run, **variables: object) -> M:
        return shape.model_validate(self._reply(prompt, variables))

    async def stream(
        self, prompt: str, run: Run, **variables: object
    ) -> AsyncGenerator[Completion, None]:
        self.asked.append((prompt, variables))
        for piece in self.pieces:
            yield Completion(piece)
        yield Completion("", truncated=self.truncated)

    async def close(self) -> None:
        return None

    def _reply(self, prompt: str, variables: dict[str, object]) -> Any:
        self.asked.append((prompt, variables))
        reply = self.replies[prompt]
        if isinstance(reply, Exception):
            raise reply
        return reply
