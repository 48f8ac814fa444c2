"""BM25 term weights by Qdrant's own tokenizer, the same for both stores."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import chain, pairwise
from operator import itemgetter
from typing import Any
from unicodedata import normalize

from app.core.errors import ConfigError
from app.core.types import SparseVector

_HAN = "\u3005\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f"
_HANGUL = "\u1100-\u11ff\u3130-\u318f\uac00-\ud7af"  # has blanks, but particles cling to words
_KANA = "\u3040-\u30ff"
_OTHERS = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"  # Thai, Lao, Burmese, Khmer
_PAIRED = re.compile(f"[{_HAN}{_HANGUL}{_KANA}{_OTHERS}]+")
_STORED_ALONE = re.compile(f"[{_HAN}{_HANGUL}]")
_ASKED_ALONE = re.compile(f"[{_HAN}]")
_WORD = re.compile(r"\S+")
_FEWEST_STOP_WORDS = 2
"""In a question, that tell its language."""
_VERSION = 2


class Bm25Encoder:
    """BM25 with k1=1.2, b=0.75 (Robertson & Zaragoza, 2009); the engine adds the IDF.

    Scripts that put no blanks between words, a whole sentence of which would be one term, are
    read as overlapping pairs of characters, as Lucene's CJK analyzer does; a Han character, a
    word by itself in Japanese more often than not, is asked for alone as well. A text in
    another language than Qdrant's tokenizer has stems and stop words for keeps its words as
    they are. Full-width and half-width forms, ligatures and the like are made plain (NFKC).

    Args:
        language: Snowball language of texts whose own is not known, such as "english".
        avg_len: Mean number of terms of a stored text, which length normalization needs.

    Raises:
        ConfigError: The language is unknown.
    """

    def __init__(self, language: str = "english", avg_len: float = 110.0) -> None:
        import qdrant_edge as q

        self._avg_len = avg_len
        self._plain = self._make(stemmer=q.DisabledStemmer(), stopwords=q.StopwordsSet())
        try:
            self._models = {"": self._make(language=language)}
        except ValueError as error:
            raise ConfigError(
                f"bad value for ingestion.language: {language!r} is unknown to BM25",
                hint="use a Snowball language, such as english or german",
            ) from error
        self.name = f"bm25/{_VERSION}-{language}-{avg_len:g}"

    def encode_documents(self, texts: Sequence[str], language: str = "") -> list[SparseVector]:
        """Term-frequency weights, one vector a text; all are in one language, "" if unknown."""
        model = self._model(language)
        found = (model.embed_document(_read(text, _stored)) for text in texts)
        return [SparseVector.packed(v.indices, v.values) for v in found]

    def encode_query(self, text: str, languages: Sequence[str] = ()) -> SparseVector:
        """The terms of a question, weight 1 each, as they are stored in texts of any of the
        languages; without any, in texts whose language is not known.

        Stop words of the question's own language go first: they are rare, and so weigh most,
        in texts of the others.
        """
        models = {id(m): m for m in map(self._model, languages or [""])}.values()
        read = _read(text, _asked)
        found = [model.embed_query(read).indices for model in models]
        fewest, own = min(zip(map(len, found), models, strict=True), key=itemgetter(0))
        if len(models) > 1 and max(map(len, found)) - fewest >= _FEWEST_STOP_WORDS:
            read = " ".join(word for word in _WORD.findall(read) if own.embed_query(word).indices)
            found = [model.embed_query(read).indices for model in models]
        terms = dict.fromkeys(chain.from_iterable(found), 1.0)
        return SparseVector(list(terms), list(terms.values()))

    def _model(self, language: str) -> Any:
        if language not in self._models:
            self._models[language] = self._named(language)
        return self._models[language]

    def _named(self, language: str) -> Any:
        try:
            return self._make(language=language)
        except ValueError:
            return self._plain

    def _make(self, **how: Any) -> Any:
        import qdrant_edge as q

        return q.Bm25(q.Bm25Config(avg_len=self._avg_len, **how))


def _read(text: str, how: Callable[[re.Match[str]], str]) -> str:
    return _PAIRED.sub(how, normalize("NFKC", text))


def _stored(run: re.Match[str]) -> str:
    return _terms(run.group(), _STORED_ALONE)


def _asked(run: re.Match[str]) -> str:
    return _terms(run.group(), _ASKED_ALONE)


def _terms(run: str, alone: re.Pattern[str]) -> str:
    pairs = map("".join, pairwise(run))
    return f" {' '.join([*pairs, *alone.findall(run)]) or run} "
