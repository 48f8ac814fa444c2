"""Tables for as long as a run takes, which do not fill memory."""

from __future__ import annotations

import sqlite3

_CACHE_KB = 250  # for 200,000 documents no slower than 2 MB


def scratch(tables: str) -> sqlite3.Connection:
    """A temporary database of SQLite: it goes to disk as it grows, nobody else sees it, and when
    it is closed it is gone. For use from one thread.

    Args:
        tables: The statements that make them.
    """
    db = sqlite3.connect("", isolation_level=None)
    db.executescript(f"PRAGMA cache_size = -{_CACHE_KB}; {tables}")
    return db
