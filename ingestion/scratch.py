"""Tables for as long as a run takes, which do not fill memory."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from typing import Any

_CACHE_KB = 250  # for 200,000 documents no slower than 2 MB


class Scratch:
    """A temporary database of SQLite: it goes to disk as it grows, nobody else sees it, and when
    it is closed it is gone.

    For use from one thread, which may be the event loop's: with 200,000 documents a call takes
    some 10 us and never took more than 4 ms, while to ask another thread takes 50 us.

    Args:
        tables: The statements that make them.
    """

    def __init__(self, tables: str) -> None:
        self._db = sqlite3.connect("", isolation_level=None)
        self._db.executescript(f"PRAGMA cache_size = -{_CACHE_KB}; {tables}")

    def close(self) -> None:
        """Let go of the tables."""
        self._db.close()

    def rows(self, query: str, *values: object) -> Iterator[Any]:
        """What a query finds, row by row."""
        yield from self._db.execute(query, values)

    def row(self, query: str, *values: object) -> Any:
        """The first row that a query finds, or None."""
        return self._db.execute(query, values).fetchone()

    def do(self, change: str, *values: object) -> sqlite3.Cursor:
        """Change rows; the cursor tells how many, and the number of a new one."""
        return self._db.execute(change, values)

    def do_each(self, change: str, rows: Iterable[tuple[object, ...]]) -> None:
        """Make a change with the values of each row."""
        self._db.executemany(change, rows)
