"""Relevance of single sentences from the dense encoder: no model of its own.

A sentence, with the headings it stands under, is compared with the question by the
cosine of their embeddings and by the words they share. A small logistic model, fitted on
public data by `eval/training/fit_scorer.py`, turns that into a probability. It is a
bi-encoder, not a cross-encoder, and called what it is.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from cachetools import LRUCache
from numpy.typing import NDArray

from app.adapters.bundled import REINSTALL
from app.core.errors import ConfigError
from app.core.ports import DenseEncoder
from app.core.text import STOP_WORDS, plain, words
from app.core.types import Vectors

WEIGHTS = Path(__file__).parent.parent / "models" / "sentence_scorer.json"
SENTENCE = ("cosine", "coverage", "context_coverage")
_CACHED_SENTENCES = 20_000  # 30 MB of vectors
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Linear:
    """A logistic model: intercept and weights, shape (features,)."""

    intercept: float
    weights: Floats

    def logits(self, rows: Floats) -> Floats:
        """Log-odds for rows of shape (rows, features)."""
        found: Floats = rows @ self.weights + self.intercept
        return found

    @classmethod
    def read(cls, record: Mapping[str, Any], names: Sequence[str]) -> Linear:
        """A model as `fit_scorer` wrote it."""
        return cls(record["intercept"], np.array([record["weights"][name] for name in names]))


class SentenceScorer:
    """A SentenceScorer.

    Args:
        encoder: The dense encoder; vectors of sentences seen lately are remembered.
        sentence: Model over SENTENCE.
    """

    def __init__(self, encoder: DenseEncoder, sentence: Linear) -> None:
        from py_rust_stemmers import SnowballStemmer

        self._encoder = encoder
        self._sentence = sentence
        self._stemmer = SnowballStemmer("english")
        self._seen: LRUCache[str, Any] = LRUCache(_CACHED_SENTENCES)

    @classmethod
    def load(cls, encoder: DenseEncoder, weights: Path = WEIGHTS) -> SentenceScorer:
        """With the fitted weights. Raises ConfigError when their file is damaged."""
        try:
            record = json.loads(weights.read_text())
            sentence = Linear.read(record["sentence"], SENTENCE)
        except (OSError, ValueError, LookupError, TypeError) as error:
            raise ConfigError("the bundled scorer's file is damaged", hint=REINSTALL) from error
        return cls(encoder, sentence)

    async def score_sentences(
        self, question: str, sentences: Sequence[str], contexts: Sequence[str]
    ) -> list[float]:
        """A relevance in [0, 1] for each sentence, in order."""
        features = await self.features(question, sentences, contexts)
        return _probabilities(self._sentence.logits(features))

    async def features(
        self, question: str, sentences: Sequence[str], contexts: Sequence[str]
    ) -> Floats:
        """One row of SENTENCE features for each sentence."""
        placed = [plain(f"{c}\n{s}") for c, s in zip(contexts, sentences, strict=True)]
        vectors = await self._vectors([question, *placed])
        wanted = self._stems(question)
        around = {context: self._stems(context) for context in set(contexts)}
        shares = [
            (_share(wanted, stems), _share(wanted, stems | around[context]))
            for stems, context in zip(map(self._stems, sentences), contexts, strict=True)
        ]
        return np.column_stack([vectors[1:] @ vectors[0], np.reshape(shares, (-1, 2))])

    async def _vectors(self, texts: Sequence[str]) -> Vectors:
        new = list(dict.fromkeys(text for text in texts if text not in self._seen))
        fresh = dict(zip(new, await self._encoder.encode(new), strict=True))
        rows = [fresh[text] if text in fresh else self._seen[text] for text in texts]
        self._seen.update(fresh)
        return np.stack(rows)

    def _stems(self, text: str) -> frozenset[str]:
        found = words(text)
        content = [word for word in found if word not in STOP_WORDS] or found
        return frozenset(self._stemmer.stem_words(content))


def _probabilities(logits: Floats) -> list[float]:
    return [float(p) for p in 1 / (1 + np.exp(-np.clip(logits, -50, 50)))]


def _share(wanted: frozenset[str], found: frozenset[str]) -> float:
    return len(wanted & found) / len(wanted) if wanted else 0.0
