"""Reranker for any sentence-transformers cross-encoder, on CPU or GPU (the extra `torch`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from app.adapters.batching import Batcher
from app.adapters.model_folder import refuse_missing, refuse_wordless, unloadable
from app.core.errors import ConfigError

_BATCH = 16


class CrossEncoderReranker:
    """Scores with a cross-encoder that has one output, by name or folder.

    Of a pair that is longer than the model reads, the longer text is cut first.

    Raises ConfigError when the extra is not installed, the model cannot be loaded, or it is
    no cross-encoder, or one of several labels.
    """

    def __init__(self, model: str) -> None:
        self._model = _load(model)
        self._batches = Batcher(
            "rerank", self._score, length=lambda pair: sum(map(len, pair)), most=_BATCH
        )
        self.name = model

    async def score(self, question: str, texts: Sequence[str]) -> list[float]:
        """A relevance in [0, 1] for each text, in order; 0.5 is the line between."""
        return await self._batches.map([(question, text) for text in texts])

    async def close(self) -> None:
        """Give back the worker."""
        await self._batches.close()

    def _score(self, pairs: list[tuple[str, str]]) -> list[float]:
        from torch.nn import Sigmoid

        scores = self._model.predict(
            pairs,
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
        raise unloadable("reranker", model, "reranking.model", error) from error
    refuse_wordless("reranker", model, "reranking.model", loaded.tokenizer)
    _refuse_other_kinds(loaded, model)
    return loaded


def _refuse_other_kinds(loaded: Any, model: str) -> None:
    hint = "set reranking.model to a cross-encoder with one output"
    if loaded.num_labels != 1:
        raise ConfigError(
            f"the model {model!r} is a classifier of {loaded.num_labels} labels, not a reranker",
            hint=hint,
        )
    # A model of another kind gets a random head, and no more than a warning in a log.
    kinds = getattr(loaded.config, "architectures", None) or ["ForSequenceClassification"]
    headless = getattr(loaded[0], "transformer_task", "") == "sequence-classification"
    if headless and not kinds[0].endswith("ForSequenceClassification"):
        raise ConfigError(
            f"the model {model!r} is a {kinds[0]}, not a cross-encoder: it has no weights that "
            "score a pair",
            hint=hint,
        )
