"""BM25 term weights by Qdrant's own tokenizer, the same for both stores."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from app.core.errors import ConfigError
from app.core.types import SparseVector


class Bm25Encoder:
    """BM25 with k1=1.2, b=0.75 (Robertson & Zaragoza, 2009); the engine adds the IDF.

    Args:
        language: Snowball language for stems and stop words, such as "english".
        avg_len: Mean number of terms of a stored text, which length normalization needs.

    Raises:
        ConfigError: The language is unknown.
    """

    def __init__(self, language: str = "english", avg_len: float = 110.0) -> None:
        from qdrant_edge import Bm25, Bm25Config

        try:
            self._model = Bm25(Bm25Config(language=language, avg_len=avg_len))
        except ValueError as error:
            raise ConfigError(
                f"bad value for ingestion.language: {language!r} is unknown to BM25",
                hint="use a Snowball language, such as english or german",
            ) from error
        self.name = f"bm25-{language}-{avg_len:g}"

    def encode_documents(self, texts: Sequence[str]) -> list[SparseVector]:
        """Term-frequency weights, one vector a text."""
        return [_plain(self._model.embed_document(text)) for text in texts]

    def encode_query(self, text: str) -> SparseVector:
        """The terms of a question, weight 1 each."""
        return _plain(self._model.embed_query(text))


def _plain(vector: Any) -> SparseVector:
    return SparseVector(list(vector.indices), list(vector.values))
