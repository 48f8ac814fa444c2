"""Chunks that are searched together with a sentence on where they stand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from app.core.types import Chunk
from ingestion.prepare import Prepared

CONTEXT_TOKENS = 64
"""What a chunk leaves free of the encoder's window for its context."""


class ContextWriter(Protocol):
    """Says where chunks stand in their document."""

    async def write(self, title: str, chunks: Sequence[Chunk]) -> list[str]:
        """The context of each chunk, in order."""


@dataclass(frozen=True, slots=True)
class Contexts:
    """Puts contexts in front of what the encoders read of a document's chunks.

    Args:
        writer: Who writes them.
        count_tokens: The encoder's count for each text.
        max_tokens: What the encoder reads of a text; a longer context loses its end.
    """

    writer: ContextWriter
    count_tokens: Callable[[Sequence[str]], list[int]]
    max_tokens: int

    async def add(self, prepared: Prepared) -> Prepared:
        """The document with contexts. Raises what the writer raises."""
        contexts = await self.writer.write(prepared.title, prepared.chunks)
        sizes = self.count_tokens(prepared.texts)
        texts = [
            f"{self._fitting(context, self.max_tokens - size)}\n{text}"
            for context, text, size in zip(contexts, prepared.texts, sizes, strict=True)
        ]
        chunks = [
            replace(chunk, context=context)
            for chunk, context in zip(prepared.chunks, contexts, strict=True)
        ]
        return replace(prepared, chunks=chunks, texts=texts)

    def _fitting(self, context: str, room: int) -> str:
        words = context.split()
        while words and self.count_tokens([" ".join(words)])[0] > room:
            words = words[: len(words) * 4 // 5]
        return " ".join(words)
