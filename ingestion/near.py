"""Near-duplicates: documents that differ by a date, a name, a paragraph.

MinHash (Broder 1997) over runs of five words, and locality-sensitive hashing in bands
(Leskovec, Rajaraman, Ullman: Mining of Massive Datasets, chapter 3). The signatures are those
of datasketch's MinHash, value for value; to import it takes SciPy, 90 MB and most of a second
in every process that reads files, and its index keeps a set per bucket, which is 180 MB for
100,000 documents where the one below is on disk.
"""

from __future__ import annotations

import re
import unicodedata
import zlib
from functools import cache, lru_cache

import numpy as np
from numpy.typing import NDArray

from ingestion.scratch import Scratch

_SEED, _VALUES = 1, 64  # a signature is 64 values of 32 bits
_BANDS, _ROWS = 6, 5  # texts as alike as 0.9 share a band in 995 of 1,000 cases, 0.5 in 173
_RUN = 5  # words
_FEWEST_WORDS = 20
_AT_ONCE = 4096  # runs hashed together: 1 MB of memory
_KNOWN = 20_000  # words whose hash is remembered
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)  # 2^64 over the golden ratio, as Knuth advises
_TABLES = """
    CREATE TABLE documents (number INTEGER PRIMARY KEY, key TEXT UNIQUE, signature BLOB);
    CREATE TABLE places (bucket INTEGER, number INTEGER, PRIMARY KEY (bucket, number))
        WITHOUT ROWID;
"""
_IN_BUCKETS = """
    SELECT key, signature FROM documents WHERE number IN
        (SELECT number FROM places WHERE bucket IN (?, ?, ?, ?, ?, ?))
"""
# Where words are not set apart, a character is a word: Thai to Lao, Burmese, Khmer, kana, Han.
_WORD = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
    "\U00020000-\U0003ffff]|[^\\W\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff"
    "\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]+"
)


def signature(text: str) -> bytes:
    """256 bytes by which likeness is told; the same in every process.

    Empty for a text of fewer than 20 words, of which too little would be judged.
    """
    words = _words(text)
    if len(words) < _FEWEST_WORDS:
        return b""
    runs = _mixed(_runs(words))
    least = np.full(_VALUES, np.iinfo(np.uint32).max, np.uint32)
    factors, summands = _permutations()
    for start in range(0, len(runs), _AT_ONCE):
        permuted = runs[start : start + _AT_ONCE, np.newaxis] * factors + summands
        np.minimum(least, permuted.min(axis=0), out=least)
    return least.astype("<u4").tobytes()


def _words(text: str) -> list[str]:
    return _WORD.findall(unicodedata.normalize("NFKC", text).casefold())


def _runs(words: list[str]) -> NDArray[np.uint32]:
    """A hash of each run of five words, each once."""
    hashes = np.fromiter(map(_hash, words), np.uint64, len(words))
    mixed = np.zeros(len(words) - _RUN + 1, np.uint64)
    for offset in range(_RUN):
        mixed = (mixed + hashes[offset : offset + len(mixed)]) * _MULTIPLIER
        mixed ^= mixed >> np.uint64(32)
    return np.unique(mixed.astype(np.uint32))


@lru_cache(_KNOWN)
def _hash(word: str) -> int:
    return zlib.crc32(word.encode("utf-8", "replace"))


def _mixed(runs: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """MurmurHash3's finalizer: near numbers come to lie far apart."""
    runs = (runs ^ (runs >> np.uint32(16))) * np.uint32(0x85EBCA6B)
    runs = (runs ^ (runs >> np.uint32(13))) * np.uint32(0xC2B2AE35)
    return runs ^ (runs >> np.uint32(16))


@cache
def _permutations() -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
    """Factors, which are odd, and summands of h -> factor * h + summand: its `affine32`."""
    draw = np.random.RandomState(_SEED)
    halves = draw.randint(0, 1 << 31, _VALUES, dtype=np.uint32)
    summands = draw.randint(0, 1 << 32, _VALUES, dtype=np.uint32)
    return halves * np.uint32(2) + np.uint32(1), summands


class NearDuplicates:
    """Finds the known documents that a text is nearly the same as.

    They are on disk, see `scratch`. To be closed, and used from one thread.

    Args:
        threshold: The least Jaccard similarity of two texts' runs of five words, from 0 to 1.
            It is estimated with a standard error of at most 0.06 (0.04 near 0.9).
    """

    def __init__(self, threshold: float = 0.9) -> None:
        self._threshold = threshold
        self._tables = Scratch(_TABLES)

    def close(self) -> None:
        """Forget all."""
        self._tables.close()

    def add(self, key: str, signature: bytes) -> None:
        """Remember a document; under a key that is known, in place of what it was."""
        known = "SELECT 1 FROM documents WHERE key = ? AND signature = ?"
        if self._tables.row(known, key, signature):
            return
        self.remove(key)
        if not signature:
            return
        document = "INSERT INTO documents (key, signature) VALUES (?, ?)"
        number = self._tables.do(document, key, signature).lastrowid
        places = ((bucket, number) for bucket in _buckets(signature))
        self._tables.do_each("INSERT OR IGNORE INTO places VALUES (?, ?)", places)

    def remove(self, key: str) -> None:
        """Forget a document; an unknown one is no error."""
        known = "SELECT number, signature FROM documents WHERE key = ?"
        for number, signature in list(self._tables.rows(known, key)):
            places = ((bucket, number) for bucket in _buckets(signature))
            self._tables.do_each("DELETE FROM places WHERE bucket = ? AND number = ?", places)
            self._tables.do("DELETE FROM documents WHERE number = ?", number)

    def find(self, signature: bytes) -> list[tuple[str, float]]:
        """(key, estimated Jaccard similarity) at or above the threshold, most alike first."""
        if not signature:
            return []
        known = self._tables.rows(_IN_BUCKETS, *_buckets(signature))
        found = ((key, _jaccard(signature, other)) for key, other in known)
        return sorted(
            ((key, alike) for key, alike in found if alike >= self._threshold),
            key=lambda match: (-match[1], match[0]),
        )


def _buckets(signature: bytes) -> list[int]:
    """Of each band. That two may share one by chance costs a comparison."""
    width = _ROWS * 4
    starts = range(0, _BANDS * width, width)
    return [zlib.crc32(signature[at : at + width], band) for band, at in enumerate(starts)]


def _jaccard(one: bytes, other: bytes) -> float:
    same = np.frombuffer(one, "<u4") == np.frombuffer(other, "<u4")
    return float(np.mean(same))
