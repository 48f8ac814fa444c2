"""The queue of ingestion jobs in PostgreSQL, shared by any number of servers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from app.adapters.jobs import SqlJobs, unanswered
from app.adapters.postgres import postgres_pool

_CONNECTIONS = 4
_WAIT_S = 5.0
_MAKING = 0x666F6F746E6F7465  # the advisory lock under which tables are made


class PostgresJobs(SqlJobs):
    """Jobs in a table."""

    NUMBER = "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY"
    NOW = "extract(epoch FROM clock_timestamp())::float8"
    SKIP_LOCKED = "FOR UPDATE OF waiting SKIP LOCKED"

    def __init__(self, pool: Any, place: str) -> None:
        super().__init__(place)
        self._pool = pool

    @classmethod
    @asynccontextmanager
    async def open(cls, url: str, place: str) -> AsyncIterator[PostgresJobs]:
        """Connect and make the table when there is none.

        Raises:
            ConfigError: The URL is bad, or the extra is not installed.
            TransientError: The server does not answer.
        """
        async with postgres_pool(url, most=_CONNECTIONS) as pool:
            jobs = cls(pool, place)
            # PostgreSQL's IF NOT EXISTS fails when two servers start at the same moment.
            async with pool.connection() as db, db.transaction():
                await db.execute("SELECT pg_advisory_xact_lock(%s)", (_MAKING,))
                for statement in jobs.schema():
                    await db.execute(jobs.sql(statement))
            yield jobs

    async def _run(self, sql: str, values: Sequence[Any] = ()) -> list[Sequence[Any]]:
        import psycopg
        from psycopg_pool import PoolTimeout

        statement = self.sql(sql).replace("?", "%s")
        try:
            async with self._pool.connection(timeout=_WAIT_S) as db:
                cursor = await db.execute(statement, values)
                return await cursor.fetchall() if cursor.description else []
        except psycopg.errors.UniqueViolation:
            raise
        except (psycopg.Error, PoolTimeout) as error:
            raise unanswered() from error

    async def _claim(self, sql: str, values: Sequence[Any]) -> list[Sequence[Any]]:
        import psycopg

        try:
            return await self._run(sql, values)
        except psycopg.errors.UniqueViolation:  # another job of the tenant has just begun
            return []
