"""BM25 term weights by Qdrant's own tokenizer, the same for both stores."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from app.core.errors import ConfigError
from app.core.types import SparseVector

_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"  # Thai, Lao, Burmese, Khmer
    "\u3005\u3040-\u30ff\uff66-\uff9f"  # Japanese
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f]+"  # Han
)


class Bm25Encoder:
    """BM25 with k1=1.2, b=0.75 (Robertson & Zaragoza, 2009); the engine adds the IDF.

    Scripts that put no blanks between words, a whole sentence of which would be one term, are
    read as overlapping pairs of characters, as Lucene's CJK analyzer does.

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
        return [_plain(self._model.embed_document(_UNSPACED.sub(_all, text))) for text in texts]

    def encode_query(self, text: str) -> SparseVector:
        """The terms of a question, weight 1 each."""
        return _plain(self._model.embed_query(_UNSPACED.sub(_asked, text)))


def _all(run: re.Match[str]) -> str:
    text = run.group()
    return f" {' '.join([*text, *_pairs(text)])} "


def _asked(run: re.Match[str]) -> str:
    text = run.group()
    return f" {' '.join(_pairs(text) or text)} "


def _pairs(text: str) -> list[str]:
    return [text[i : i + 2] for i in range(len(text) - 1)]


def _plain(vector: Any) -> SparseVector:
    return SparseVector(list(vector.indices), list(vector.values))
