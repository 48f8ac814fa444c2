"""Reranker on ONNX Runtime, through fastembed."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from app.adapters.batching import Batcher
from app.adapters.model_folder import unloadable
from app.core.errors import ConfigError

_BATCH = 16


class FastembedReranker:
    """Scores with a cross-encoder that fastembed knows by name.

    Of a pair that is longer than the model reads, the longer text is cut first.

    Raises ConfigError when the model is unknown or cannot be loaded.
    """

    def __init__(self, model: str) -> None:
        self._model = _load(model)
        self._batches = Batcher(
            "rerank", self._score, length=lambda pair: sum(map(len, pair)), most=_BATCH
        )
        self.name = model

    @staticmethod
    def knows(model: str) -> bool:
        """Whether fastembed has this model."""
        from fastembed.rerank.cross_encoder import TextCrossEncoder

        known = TextCrossEncoder.list_supported_models()
        return any(entry["model"].lower() == model.lower() for entry in known)

    async def score(self, question: str, texts: Sequence[str]) -> list[float]:
        """A relevance in [0, 1] for each text, in order; 0.5 is the line between."""
        return await self._batches.map([(question, text) for text in texts])

    async def close(self) -> None:
        """Give back the worker."""
        await self._batches.close()

    def _score(self, pairs: list[tuple[str, str]]) -> list[float]:
        logits = np.array(list(self._model.rerank_pairs(pairs, batch_size=_BATCH)), np.float64)
        # The logistic function by way of tanh, which cannot overflow.
        return [float(score) for score in 0.5 * (1.0 + np.tanh(0.5 * logits))]


def _load(model: str) -> Any:
    from fastembed.rerank.cross_encoder import TextCrossEncoder
    from loguru import logger

    logger.disable("fastembed")  # it writes on stderr what the error says
    if not FastembedReranker.knows(model):
        raise ConfigError(
            f"fastembed does not know the reranker {model!r}",
            hint="install the extra `torch` to use any sentence-transformers cross-encoder",
        )
    try:
        return TextCrossEncoder(model, threads=os.cpu_count() or 1)
    except Exception as error:
        raise unloadable("reranker", model, "reranking.model", error) from error
