"""Reranker on ONNX Runtime, through fastembed."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from app.adapters.worker import Worker
from app.core.errors import ConfigError

_BATCH = 16


class FastembedReranker:
    """Scores with a cross-encoder that fastembed knows by name.

    Raises ConfigError when the model is unknown or cannot be loaded.
    """

    def __init__(self, model: str) -> None:
        self._model = _load(model)
        self._worker = Worker("rerank")
        self.name = model

    @staticmethod
    def knows(model: str) -> bool:
        """Whether fastembed has this model."""
        from fastembed.rerank.cross_encoder import TextCrossEncoder

        known = TextCrossEncoder.list_supported_models()
        return any(entry["model"].lower() == model.lower() for entry in known)

    async def score(self, question: str, texts: Sequence[str]) -> list[float]:
        """A relevance in [0, 1] for each text, in order; 0.5 is the line between."""
        if not texts:
            return []
        return await self._worker.run(lambda: self._score(question, texts))

    async def close(self) -> None:
        """Give back the worker."""
        await self._worker.close()

    def _score(self, question: str, texts: Sequence[str]) -> list[float]:
        # A batch is padded to its longest text: like lengths together waste the least.
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        logits = np.empty(len(texts), dtype=np.float64)
        ordered = [texts[i] for i in order]
        logits[order] = list(self._model.rerank(question, ordered, batch_size=_BATCH))
        # The logistic function by way of tanh, which cannot overflow.
        return [float(score) for score in 0.5 * (1.0 + np.tanh(0.5 * logits))]


def _load(model: str) -> Any:
    from fastembed.rerank.cross_encoder import TextCrossEncoder

    if not FastembedReranker.knows(model):
        raise ConfigError(
            f"fastembed does not know the reranker {model!r}",
            hint="install the extra `torch` to use any sentence-transformers cross-encoder",
        )
    try:
        return TextCrossEncoder(model, threads=os.cpu_count() or 1)
    except Exception as error:
        raise ConfigError(
            f"the reranker {model!r} cannot be loaded",
            hint="check the network, or set reranking.model to `bundled`",
        ) from error
