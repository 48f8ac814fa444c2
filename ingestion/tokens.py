"""Where the tokens of a text begin, by the encoder's own tokenizer.

To ask the tokenizer for a long text is most of the work of cutting it. BERT's reads each word
by itself, whatever stands around it, and texts are made of few words: there a word that was
met before is not read again.
"""

from __future__ import annotations

import json
import re
from array import array
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import accumulate, islice, pairwise
from typing import Any

_BATCH_CHARS = 50_000
_KNOWN = 20_000  # words that are remembered, 3 MB
_SIMPLE = re.compile(r"[\t\n\r -~]*")
# BERT's words in such a text: letters and digits, or one sign of punctuation.
_WORD = re.compile(r"([A-Za-z0-9]+|[!-/:-@\[-`{-~])")
# In any text it divides words at these; other control characters do not even divide.
_RUN = re.compile("([^\t\n\r \xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+)")


class Tokens:
    """Counts and places of a tokenizer's tokens, special ones left out.

    Args:
        tokenizer: A `tokenizers.Tokenizer` without truncation.
    """

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        parts = json.loads(tokenizer.to_str())
        kinds = [(parts[part] or {}).get("type") for part in ("normalizer", "pre_tokenizer")]
        self._by_words = kinds == ["BertNormalizer", "BertPreTokenizer"]
        self._special = [token["content"] for token in parts["added_tokens"]]
        self._inner = lru_cache(_KNOWN)(self._encoded)

    def places(self, text: str) -> Sequence[int]:
        """The character at which each token begins, in order."""
        if not self._by_words:
            parts = [text[start:end] for start, end in pairwise(_line_ends(text))]
            return _moved(accumulate(map(len, parts), initial=0), map(self._encoded, parts))
        simple = _SIMPLE.fullmatch(text) and not any(token in text for token in self._special)
        parts = (_WORD if simple else _RUN).split(text)  # in turns what is between, and a word
        starts = islice(accumulate(map(len, parts)), 0, None, 2)
        return _moved(starts, map(self._inner, parts[1::2]))

    def counts(self, texts: Sequence[str]) -> list[int]:
        """How many tokens each text has."""
        if self._by_words:
            return [len(self.places(text)) for text in texts]
        found = self._tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
        return [len(encoding.ids) for encoding in found]

    def _encoded(self, text: str) -> tuple[int, ...]:
        encoding = self._tokenizer.encode(text, add_special_tokens=False)
        return tuple(first for first, _ in encoding.offsets)


def _moved(starts: Iterable[int], inner: Iterable[Sequence[int]]) -> Sequence[int]:
    """Places in the text, given those in each part of it and where the parts begin."""
    return array("q", [start + place for start, own in zip(starts, inner) for place in own])  # noqa: B905


def _line_ends(text: str) -> list[int]:
    """Ends of lines that cut a text into batches for the tokenizer."""
    ends = [0]
    while ends[-1] < len(text):
        end = text.find("\n", ends[-1] + _BATCH_CHARS) + 1
        ends.append(end or len(text))
    return ends
