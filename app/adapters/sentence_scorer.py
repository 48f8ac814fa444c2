"""Relevance of sentences and passages from the dense encoder: no model of its own.

A sentence, with the headings it stands under, is compared with the question by the
cosine of their embeddings and by the words they share. A small
logistic model, fitted on public data by `eval/training/fit_scorer.py`, turns that into
a probability. It is a bi-encoder, not a cross-encoder, and called what it is.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from cachetools import LRUCache
from numpy.typing import NDArray

from app.core.ports import DenseEncoder
from app.core.text import STOP_WORDS, sentence_spans, words
from app.core.types import Vectors

WEIGHTS = Path(__file__).parent.parent / "models" / "sentence_scorer.json"
FEATURES = ("cosine", "coverage", "context_coverage")
_CACHED_SENTENCES = 20_000  # 30 MB of vectors


class SentenceScorer:
    """A SentenceScorer, and a Reranker for passages: a passage is as good as its best
    sentence.

    Args:
        encoder: The dense encoder; vectors of sentences seen lately are remembered.
        weights: Intercept and a weight for each of FEATURES.
    """

    name = "minilm-sentences"

    def __init__(self, encoder: DenseEncoder, weights: Path = WEIGHTS) -> None:
        from py_rust_stemmers import SnowballStemmer

        fitted = json.loads(weights.read_text())
        self._encoder = encoder
        self._intercept = float(fitted["intercept"])
        self._weights = np.array([fitted["weights"][name] for name in FEATURES])
        self._stemmer = SnowballStemmer("english")
        self._seen: LRUCache[str, Any] = LRUCache(_CACHED_SENTENCES)

    async def score_sentences(
        self, question: str, sentences: Sequence[str], contexts: Sequence[str]
    ) -> list[float]:
        """A relevance in [0, 1] for each sentence, in order."""
        features = await self.features(question, sentences, contexts)
        logits = features @ self._weights + self._intercept
        return [float(p) for p in 1 / (1 + np.exp(-logits))]

    async def score(self, question: str, texts: Sequence[str]) -> list[float]:
        """A relevance in [0, 1] for each text: that of its best sentence.

        The first line of a text, where passages carry title and headings, is its context.
        """
        owners: list[int] = []
        sentences: list[str] = []
        contexts: list[str] = []
        for number, text in enumerate(texts):
            context, _, body = text.partition("\n")
            units = [body[s.start : s.end] for s in sentence_spans(body)] or [text]
            owners += [number] * len(units)
            sentences += units
            contexts += [context] * len(units)
        best = [0.0] * len(texts)
        scores = await self.score_sentences(question, sentences, contexts)
        for owner, score in zip(owners, scores, strict=True):
            best[owner] = max(best[owner], score)
        return best

    async def close(self) -> None:
        """Nothing: the encoder belongs to someone else."""

    async def features(
        self, question: str, sentences: Sequence[str], contexts: Sequence[str]
    ) -> NDArray[np.float64]:
        """One row of FEATURES for each sentence."""
        placed = [f"{c}\n{s}" for c, s in zip(contexts, sentences, strict=True)]
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


def _share(wanted: frozenset[str], found: frozenset[str]) -> float:
    return len(wanted & found) / len(wanted) if wanted else 0.0
