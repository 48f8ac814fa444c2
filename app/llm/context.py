"""Where each chunk of a document stands, in a model's words."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from app.core.ports import Gateway
from app.core.run import Run
from app.core.types import Chunk

_BEFORE, _AFTER = 6000, 2000  # characters of the document around a chunk
_AT_ONCE = 4  # requests of one document


class ChunkContexts:
    """Writes contexts of chunks (Anthropic, "Introducing Contextual Retrieval", 2024).

    Args:
        deadline_ms: Time for all chunks of one document.
    """

    def __init__(self, gateway: Gateway, *, deadline_ms: int = 3_600_000) -> None:
        self._gateway = gateway
        self._deadline_ms = deadline_ms

    async def write(self, title: str, chunks: Sequence[Chunk]) -> list[str]:
        """The context of each chunk, in order.

        Raises TransientError or PermanentError when the model does not give one.
        """
        text = "".join(chunk.text for chunk in chunks)
        run = Run(deadline_ms=self._deadline_ms)
        turn = asyncio.Semaphore(_AT_ONCE)

        async def one(chunk: Chunk) -> str:
            around = text[max(0, chunk.start - _BEFORE) : chunk.end + _AFTER]
            async with turn:
                reply = await self._gateway.text(
                    "contextualize", run, title=title, excerpt=around, chunk=chunk.text
                )
            return " ".join(reply.split())

        return list(await asyncio.gather(*map(one, chunks)))
