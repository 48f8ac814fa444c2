"""Dense encoder for any sentence-transformers model, on CPU or GPU (the extra `torch`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from app.adapters.batching import Batcher
from app.adapters.model_folder import refuse_missing, refuse_wordless, unloadable
from app.core.errors import ConfigError
from app.core.types import Vector, Vectors


class SentenceTransformerEncoder:
    """Encodes with a sentence-transformers model, by name or folder.

    Of a text that is longer, the first `max_tokens` tokens are read.

    Args:
        model: A name on the Hugging Face hub, or a folder.
        threads: CPU threads of PyTorch, for the whole process; 0 leaves them alone.
        batch_size: Texts encoded at once.

    Raises ConfigError when the extra is not installed or the model cannot be loaded.
    """

    def __init__(self, model: str, *, threads: int = 0, batch_size: int = 16) -> None:
        self._model = _load(model, threads)
        self._counter = _tokenizer_copy(self._model, model)
        self._batches = Batcher("dense", self._encode, length=len, most=batch_size)
        self._batch_size = batch_size
        self.name = model
        self.max_tokens = int(self._model.get_max_seq_length() or 512)
        self.dimensions = int(self._model.get_embedding_dimension())

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
        vectors = self._model.encode(
            texts,
            batch_size=self._batch_size,
            normalize_embeddings=True,
            show_progress_bar=False,
        )
        return list(vectors)


def _load(model: str, threads: int) -> Any:
    refuse_missing("embedding model", model, "embedding.model")
    try:
        import torch
        from sentence_transformers import SentenceTransformer
        from transformers.utils.logging import disable_progress_bar
    except ImportError as error:
        raise ConfigError(
            f"the embedding model {model!r} needs sentence-transformers, which is not installed",
            hint="install the extra `torch`, or set embedding.model to `bundled`",
        ) from error
    disable_progress_bar()  # it would be drawn into logs
    if threads:
        torch.set_num_threads(threads)
    try:
        return SentenceTransformer(model)
    except Exception as error:
        raise unloadable("embedding model", model, "embedding.model", error) from error


def _tokenizer_copy(loaded: Any, model: str) -> Any:
    from tokenizers import Tokenizer

    refuse_wordless("embedding model", model, "embedding.model", loaded.tokenizer)
    backend = getattr(loaded.tokenizer, "backend_tokenizer", None)
    if backend is None:
        raise ConfigError(
            f"the embedding model {model!r} has no fast tokenizer, which sizing chunks needs",
            hint="use a model with a tokenizer.json, or set embedding.model to `bundled`",
        )
    copy = Tokenizer.from_str(backend.to_str())
    copy.no_truncation()
    copy.no_padding()
    return copy
