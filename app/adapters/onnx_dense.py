"""Dense encoder for the model that comes along, on ONNX Runtime alone."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from app.adapters import bundled
from app.adapters.turns import Turns
from app.core.types import Vectors

# Chosen on 200 questions of XQuAD in Chinese, which is therefore no untouched set.
_OTHER_SCRIPT = 0.25


class BundledEncoder:
    """Encodes one text at a time, several at once, each in a thread of its own.

    A text alone needs no padding and stays in its core's cache, which is faster than any
    batch; and its vector does not depend on what it is encoded with.

    Args:
        threads: Texts encoded at once; 0: one for each core.

    Raises ConfigError when the weights are missing or damaged.
    """

    name = bundled.NAME
    dimensions = bundled.DIMENSIONS
    max_tokens = bundled.MAX_TOKENS

    def __init__(self, *, threads: int = 0) -> None:
        self._session = bundled.session(bundled.weights())
        self._counter = bundled.tokenizer()
        self._reader = bundled.tokenizer()
        self._reader.enable_truncation(self.max_tokens)
        self._turns = Turns("dense", threads or os.cpu_count() or 1)

    @property
    def tokenizer(self) -> Any:
        """A Hugging Face tokenizer without truncation, for sizing chunks."""
        return self._counter

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text, special ones included, without truncation."""
        return [len(encoding.ids) for encoding in self._counter.encode_batch_fast(list(texts))]

    def trust(self, question: str) -> float:
        """Little for other scripts than the Latin one, whose words the model does not know."""
        letters = [letter for letter in question if letter.isalpha()]
        known = sum(map(str.isascii, letters))
        return 1.0 if 2 * known >= len(letters) else _OTHER_SCRIPT

    async def encode(self, texts: Sequence[str]) -> Vectors:
        """Vectors of shape (len(texts), dimensions), rows of unit length, in order."""
        rows = await self._turns.map(self._encode, texts)
        return np.concatenate([np.zeros((0, self.dimensions), dtype=np.float32), *rows])

    async def close(self) -> None:
        """Give back the threads."""
        await self._turns.close()

    def _encode(self, text: str) -> Vectors:
        ids = np.array([self._reader.encode(text).ids], dtype=np.int32)
        vectors: Vectors = self._session.run(None, {"input_ids": ids})[0]
        return vectors
