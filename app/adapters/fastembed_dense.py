"""Dense encoder for the models that fastembed knows, on ONNX Runtime."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from app.adapters.batching import Batcher
from app.adapters.model_folder import unloadable
from app.core.types import Vector, Vectors


class FastembedEncoder:
    """Encodes with a model that fastembed knows by name.

    Of a text that is longer, the first `max_tokens` tokens are read.

    Raises ConfigError when the model is unknown or cannot be loaded.
    """

    def __init__(self, model: str, *, threads: int = 0, batch_size: int = 16) -> None:
        self._batch_size = batch_size
        self._batches = Batcher("dense", self._encode, length=len, most=batch_size)
        self._model = _load(model, threads or os.cpu_count() or 1)
        self.name = model
        self.max_tokens = self._trained_length()
        self.dimensions = int(self._model.embedding_size)
        self._counter = self._tokenizer_copy()
        self._model.model.tokenizer.enable_truncation(self.max_tokens)

    @staticmethod
    def knows(model: str) -> bool:
        """Whether fastembed has a model of this name."""
        from fastembed import TextEmbedding

        return any(entry["model"] == model for entry in TextEmbedding.list_supported_models())

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text, special ones included, without truncation."""
        return [len(encoding.ids) for encoding in self._counter.encode_batch_fast(list(texts))]

    def trust(self, question: str) -> float:
        """1: which languages a model knows, only who chose it can tell."""
        return 1.0

    async def encode(self, texts: Sequence[str]) -> Vectors:
        """Vectors of shape (len(texts), dimensions), rows of unit length, in order."""
        rows = await self._batches.map(texts)
        return np.array(rows, dtype=np.float32).reshape(len(texts), self.dimensions)

    async def close(self) -> None:
        """Give back the worker."""
        await self._batches.close()

    @property
    def tokenizer(self) -> Any:
        """A Hugging Face tokenizer without truncation, for sizing chunks."""
        return self._counter

    def _encode(self, texts: list[str]) -> list[Vector]:
        return list(self._model.embed(texts, batch_size=self._batch_size))

    def _trained_length(self) -> int:
        truncation = self._model.model.tokenizer.truncation or {}
        return int(truncation.get("max_length", 512))

    def _tokenizer_copy(self) -> Any:
        from tokenizers import Tokenizer

        copy = Tokenizer.from_str(self._model.model.tokenizer.to_str())
        copy.no_truncation()
        copy.no_padding()
        return copy


def _load(model: str, threads: int) -> Any:
    from fastembed import TextEmbedding
    from loguru import logger

    logger.disable("fastembed")  # it writes on stderr what the error says
    try:
        return TextEmbedding(model, threads=threads)
    except Exception as error:
        raise unloadable("embedding model", model, "embedding.model", error) from error
