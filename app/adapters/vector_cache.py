"""Vectors that were computed before, in one SQLite file."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import structlog

from app.adapters.worker import Worker
from app.core.types import Vector, Vectors

_AT_ONCE = 500  # keys of one SELECT
_BYTES_A_VALUE = 4
_ROW_BYTES = 60  # key and overhead
_SCHEMA = """
PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF;
CREATE TABLE IF NOT EXISTS vectors (key BLOB PRIMARY KEY, vector BLOB NOT NULL)
"""

log = structlog.get_logger(__name__)


class SqliteVectorCache:
    """A VectorCache in a file, shared by all processes of a machine.

    A file that is damaged or busy is as good as an empty one: the vectors are computed anew.

    Args:
        model: What determines a vector besides the text.
        megabytes: Size of the file beyond which the oldest entries go.
    """

    def __init__(self, file: Path, *, model: str, dimensions: int, megabytes: int) -> None:
        self._file = file
        self._model = model
        self._dimensions = dimensions
        self._most = megabytes * 1_000_000 // (dimensions * _BYTES_A_VALUE + _ROW_BYTES)
        self._worker = Worker("vector-cache")
        self._db: sqlite3.Connection | None = None

    async def get(self, texts: Sequence[str]) -> list[Vector | None]:
        """The vector of each text, None where it is not known, in order."""
        return await self._worker.run(lambda: self._get(texts))

    async def put(self, texts: Sequence[str], vectors: Vectors) -> None:
        """Keep the vectors, shape (len(texts), dimensions), of texts."""
        await self._worker.run(lambda: self._put(texts, vectors))

    async def close(self) -> None:
        """Let go of the file."""
        if self._db:
            await self._worker.run(self._close)
        await self._worker.close()

    def _get(self, texts: Sequence[str]) -> list[Vector | None]:
        keys = [self._key(text) for text in texts]
        found: dict[bytes, bytes] = {}
        try:
            for first in range(0, len(keys), _AT_ONCE):
                some = keys[first : first + _AT_ONCE]
                marks = ",".join("?" * len(some))
                query = f"SELECT key, vector FROM vectors WHERE key IN ({marks})"  # noqa: S608
                found.update(self._open().execute(query, some))
        except sqlite3.Error:
            log.warning("vector_cache.unreadable", file=str(self._file), exc_info=True)
        size = self._dimensions * _BYTES_A_VALUE
        return [
            np.frombuffer(found[key], np.float32) if len(found.get(key, b"")) == size else None
            for key in keys
        ]

    def _put(self, texts: Sequence[str], vectors: Vectors) -> None:
        plain = np.ascontiguousarray(vectors, np.float32)
        rows = [(self._key(t), row.tobytes()) for t, row in zip(texts, plain, strict=True)]
        try:
            with self._open() as db:
                db.executemany("INSERT OR REPLACE INTO vectors (key, vector) VALUES (?, ?)", rows)
                # Row numbers grow: the smallest are the oldest.
                (newest,) = db.execute("SELECT IFNULL(MAX(rowid), 0) FROM vectors").fetchone()
                db.execute("DELETE FROM vectors WHERE rowid <= ?", [newest - self._most])
        except sqlite3.Error:
            log.warning("vector_cache.not_written", file=str(self._file), exc_info=True)

    def _open(self) -> sqlite3.Connection:
        if self._db is None:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            db = sqlite3.connect(self._file, timeout=5, check_same_thread=False)
            db.executescript(_SCHEMA)
            self._db = db
        return self._db

    def _close(self) -> None:
        if self._db:
            self._db.close()

    def _key(self, text: str) -> bytes:
        return hashlib.sha256(f"{self._model}\n{text}".encode()).digest()
