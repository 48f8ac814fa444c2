"""The reader-reranker that comes along: one pass over question and passage, three answers.

How it was trained and how good it is stands in `app/models/reader/README.md`.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from cachetools import LRUCache
from numpy.typing import NDArray

from app.adapters import bundled
from app.adapters.own_models import OwnReader
from app.adapters.turns import Turns
from app.core.text import sentence_spans
from app.core.types import Place, Reading

QUESTION_TOKENS = 64
LONGEST_ANSWER = 15
"""Tokens."""
PLACES = 4
"""Of the answer in each sentence, at most."""

_FIRST, _LAST = 101, 102
_FAMILIAR = 0.7  # share of the words that it knows whole
_REMEMBERED = 2000
Logits = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class _Pass:
    """What came out of the model.

    Args:
        reading: Without places: of most passages nobody asks for them.
        edges: Log-odds of each token to begin, and to end the answer; None in other languages.
    """

    reading: Reading
    edges: tuple[Logits, Logits] | None = None


class BundledReader:
    """Reads one passage at a time, several at once, each in a thread of its own.

    It is a Reader, and a Reranker by its relevance. A question is read up to its first 64
    tokens, with the passage up to 384 together. What it read lately it remembers, so that the
    answer's place costs little after reranking.

    Args:
        own: Adapted to the user's documents, to read with instead.
        threads: Passages read at once; 0: one for each core.

    Raises ConfigError when the weights are missing or damaged.
    """

    def __init__(self, own: OwnReader | None = None, *, threads: int = 0) -> None:
        self.name = own.name if own else bundled.READER_NAME
        self._session = bundled.session(own.file if own else bundled.weights(bundled.READER_FOLDER))
        self._tokenizer = bundled.tokenizer()
        self._turns = Turns("reader", threads or os.cpu_count() or 1)
        self._known: LRUCache[tuple[str, str], _Pass] = LRUCache(_REMEMBERED)

    async def read(
        self, question: str, texts: Sequence[str], *, places: bool = True
    ) -> list[Reading]:
        """A reading of each text, in order; without `places` it costs a little less."""
        known = {text: self._known.get((question, text)) for text in texts}
        # The longest first: at the end no thread waits long for another.
        wanted = sorted((t for t in known if places or not known[t]), key=len, reverse=True)
        asked = self._ids(question)[:QUESTION_TOKENS]
        done = await self._turns.map(lambda t: self._read(asked, t, known[t], places), wanted)
        found = {text: one.reading for text, one in known.items() if one}
        for text, (one, reading) in zip(wanted, done, strict=True):
            self._known[question, text], found[text] = one, reading
        return [found[text] for text in texts]

    async def score(self, question: str, texts: Sequence[str]) -> list[float]:
        """A relevance in [0, 1] for each text, in order; 0.5 is the line between."""
        readings = await self.read(question, texts, places=False)
        return [float(0.5 * (1 + np.tanh(0.5 * reading.relevance))) for reading in readings]

    async def close(self) -> None:
        """Give back the threads."""
        await self._turns.close()

    def _ids(self, text: str) -> list[int]:
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False).ids
        return ids

    def _read(
        self, asked: Sequence[int], text: str, known: _Pass | None, places: bool
    ) -> tuple[_Pass, Reading]:
        encoding = self._tokenizer.encode(text, add_special_tokens=False)
        one = known or self._pass(asked, text, encoding)
        if not places or one.edges is None:
            return one, one.reading
        return one, replace(one.reading, places=tuple(likeliest(*one.edges, encoding, text)))

    def _pass(self, asked: Sequence[int], text: str, encoding: Any) -> _Pass:
        told = encoding.ids[: bundled.READER_TOKENS - len(asked) - 3]
        if not asked or not told:  # nothing to compare, and the graph needs both
            return _Pass(Reading(-10.0, -10.0))
        ids = np.array([[_FIRST, *asked, _LAST, *told, _LAST]], dtype=np.int32)
        begin = np.array([len(asked) + 2], dtype=np.int64)
        relevance, answerable, starts, ends = self._run(ids, begin)
        familiar = _words_known(encoding, text) >= _FAMILIAR
        reading = Reading(float(relevance[0]), float(answerable[0]), familiar=familiar)
        return _Pass(reading, (starts, ends) if familiar else None)

    def _run(self, ids: NDArray[np.int32], told: NDArray[np.int64]) -> Any:
        return self._session.run(None, {"input_ids": ids, "told": told})


def _words_known(encoding: Any, text: str) -> float:
    """Share of words that are one token, in [0, 1]; letters of other scripts do not count.

    In English collections, of medicine and of software too, it is .84 and more on average; in
    XQuAD's translations .63 at the most.
    """
    pieces = np.bincount(np.array(encoding.word_ids, dtype=np.int64))
    ascii_share = 1.0 if text.isascii() else sum(map(str.isascii, text)) / len(text)
    return float((pieces == 1).mean()) * ascii_share


def likeliest(starts: Logits, ends: Logits, encoding: Any, text: str) -> list[Place]:
    """The likeliest PLACES of the answer in each sentence, in whole words, best first.

    Args:
        starts: Log-odds of each token to begin the answer, shape (tokens,).
        ends: The same for its end.
        encoding: Where the tokens stand in the text, of which they may be the beginning.
    """
    count = len(starts)
    begins, offsets = np.array(encoding.word_ids), encoding.offsets
    new_word = np.concatenate(([True], begins[1:] != begins[:-1], [True]))
    first = np.where(new_word[:count], _log_softmax(starts), -np.inf)
    last = np.where(new_word[1 : count + 1], _log_softmax(ends), -np.inf)
    sentences = np.array([span.start for span in sentence_spans(text)])
    of_token = np.searchsorted(sentences, [start for start, _ in offsets[:count]], side="right")
    edges = [0, *(np.flatnonzero(np.diff(of_token)) + 1).tolist(), count]
    found = []
    for low, high in itertools.pairwise(edges):
        length = np.arange(high - low)[None, :] - np.arange(high - low)[:, None]
        both = first[low:high, None] + last[None, low:high]
        both = np.where((length >= 0) & (length < LONGEST_ANSWER), both, -np.inf)
        most = min(PLACES, both.size)
        for best in np.argpartition(-both, most - 1, axis=None)[:most].tolist():
            start, end = divmod(best, high - low)
            if np.isfinite(both[start, end]):
                place = offsets[low + start][0], offsets[low + end][1]
                found.append(Place(*place, float(np.exp(both[start, end]))))
    return sorted(found, key=lambda place: -place.confidence)


def _log_softmax(logits: Logits) -> NDArray[np.float64]:
    wide = logits.astype(np.float64)
    wide -= wide.max()
    found: NDArray[np.float64] = wide - np.log(np.exp(wide).sum())
    return found
