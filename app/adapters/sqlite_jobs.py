"""The queue of ingestion jobs in one SQLite file, shared by all processes of a machine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.adapters.jobs import SqlJobs, unanswered
from app.core.errors import PermanentError

if TYPE_CHECKING:
    import aiosqlite


class SqliteJobs(SqlJobs):
    """Jobs in a file; its lock lets one process claim at a time."""

    NUMBER = "INTEGER PRIMARY KEY AUTOINCREMENT"
    NOW = "((julianday('now') - 2440587.5) * 86400.0)"

    def __init__(self, db: aiosqlite.Connection) -> None:
        super().__init__(place="")
        self._db = db

    @classmethod
    @asynccontextmanager
    async def open(cls, file: Path) -> AsyncIterator[SqliteJobs]:
        """Open the file, making it when there is none. Raises PermanentError."""
        import aiosqlite

        await asyncio.to_thread(file.parent.mkdir, parents=True, exist_ok=True)
        async with aiosqlite.connect(file, isolation_level=None) as db:
            jobs = cls(db)
            try:
                await db.execute("PRAGMA busy_timeout = 10000")
                await db.execute("PRAGMA journal_mode = WAL")
                await db.execute("PRAGMA synchronous = NORMAL")
                for statement in jobs.schema():
                    await db.execute(jobs.sql(statement))
            except aiosqlite.DatabaseError as error:
                raise PermanentError(
                    f"the jobs in {file} cannot be read",
                    hint="move the file away: what waits in it must be sent again",
                ) from error
            yield jobs

    async def _run(self, sql: str, values: Sequence[Any] = ()) -> list[Sequence[Any]]:
        import aiosqlite

        try:
            return [*await self._db.execute_fetchall(self.sql(sql), values)]
        except aiosqlite.Error as error:
            raise unanswered() from error

    async def _claim(self, sql: str, values: Sequence[Any]) -> list[Sequence[Any]]:
        return await self._run(sql, values)
