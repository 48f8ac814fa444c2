"""Reranker for any sentence-transformers cross-encoder, on CPU or GPU (the extra `torch`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from app.adapters.model_folder import refuse_missing
from app.adapters.worker import Worker
from app.core.errors import ConfigError

_BATCH = 16


class CrossEncoderReranker:
    """Scores with a cross-encoder that has one output, by name or folder.

    Raises ConfigError when the extra is not installed, the model cannot be loaded or it
    is a classifier of several labels.
    """

    def __init__(self, model: str) -> None:
        self._model = _load(model)
        self._worker = Worker("rerank")
        self.name = model

    async def score(self, question: str, texts: Sequence[str]) -> list[float]:
        """A relevance in [0, 1] for each text, in order; 0.5 is the line between."""
        if not texts:
            return []
        return await self._worker.run(lambda: self._score(question, texts))

    async def close(self) -> None:
        """Give back the worker."""
        await self._worker.close()

    def _score(self, question: str, texts: Sequence[str]) -> list[float]:
        from torch.nn import Sigmoid

        scores = self._model.predict(  # sorts by length itself, so that little is padding
            [(question, text) for text in texts],
            batch_size=_BATCH,
            activation_fn=Sigmoid(),  # a model may name another, such as none at all
            show_progress_bar=False,
        )
        return [float(score) for score in scores]


def _load(model: str) -> Any:
    refuse_missing("reranker", model, "reranking.model")
    try:
        from sentence_transformers import CrossEncoder
        from transformers.utils.logging import disable_progress_bar
    except ImportError as error:
        raise ConfigError(
            f"the reranker {model!r} needs sentence-transformers, which is not installed",
            hint="install the extra `torch`, or set reranking.model to `bundled`",
        ) from error
    disable_progress_bar()  # it would be drawn into logs
    try:
        loaded = CrossEncoder(model)
    except Exception as error:
        raise ConfigError(
            f"the reranker {model!r} cannot be loaded",
            hint="check its name or folder and the network, or set reranking.model to `bundled`",
        ) from error
    if loaded.num_labels != 1:
        raise ConfigError(
            f"the model {model!r} is a classifier of {loaded.num_labels} labels, not a reranker",
            hint="set reranking.model to a cross-encoder with one output",
        )
    return loaded
