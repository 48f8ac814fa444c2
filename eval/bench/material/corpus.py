"""Synthetic chunks and questions: Zipf-distributed words, vectors around 200 centres."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from app.core.types import Vectors

DIMENSIONS = 384
WORDS_OF_CHUNK = 80
WORDS_OF_QUERY = 6
_CENTRES = 200
_VOCABULARY = np.array([f"{a}{b}{c}" for a in "bdfgklmnprst" for b in "aeiou" for c in range(500)])


@dataclass(frozen=True, slots=True)
class Corpus:
    """Texts with their vectors, rows of unit length; the last word of a text is its number."""

    texts: list[str]
    vectors: Vectors
    queries: list[str]
    query_vectors: Vectors


def make_corpus(chunks: int, queries: int) -> Corpus:
    """The same corpus for the same arguments, in every process."""
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(_CENTRES, DIMENSIONS))
    return Corpus(
        texts=[f"{words(rng, WORDS_OF_CHUNK)} id{n}" for n in range(chunks)],
        vectors=_unit(rng, centres, chunks),
        queries=[words(rng, WORDS_OF_QUERY) for _ in range(queries)],
        query_vectors=_unit(rng, centres, queries),
    )


def number_of(text: str) -> int:
    """Which text of the corpus this is."""
    return int(text.rsplit(" id", 1)[1])


def words(rng: np.random.Generator, count: int) -> str:
    """Words with a blank between; a few of them make up most of any text."""
    ranks = np.minimum(rng.zipf(1.3, count), len(_VOCABULARY)) - 1
    return " ".join(_VOCABULARY[ranks])


def _unit(rng: np.random.Generator, centres: Any, rows: int) -> Vectors:
    noise = 0.5 * rng.standard_normal((rows, DIMENSIONS), dtype=np.float32)
    vectors = centres[rng.integers(0, len(centres), rows)].astype(np.float32) + noise
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), dtype=np.float32)
