"""What a file of conversations weighs."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path


def file_bytes(file: Path) -> int:
    """Size of the database, what is still in its write-ahead log included."""
    with closing(sqlite3.connect(file)) as db:
        db.execute("PRAGMA wal_checkpoint(PASSIVE)")
        (pages,) = db.execute("PRAGMA page_count").fetchone()
        (size,) = db.execute("PRAGMA page_size").fetchone()
    return int(pages) * int(size)


def stored_bytes(file: Path) -> int:
    """Length of all that LangGraph keeps in it: checkpoints, their metadata, pending writes."""
    with closing(sqlite3.connect(file)) as db:
        (checkpoints,) = db.execute(
            "SELECT COALESCE(SUM(LENGTH(checkpoint) + LENGTH(metadata)), 0) FROM checkpoints"
        ).fetchone()
        (writes,) = db.execute("SELECT COALESCE(SUM(LENGTH(value)), 0) FROM writes").fetchone()
    return int(checkpoints) + int(writes)
