"""Conversations and feedback: SQLite in a file, or PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from app.adapters.postgres import postgres_pool
from app.core.errors import PermanentError, TransientError
from app.core.exchange import Feedback

_CONNECTIONS = 10
_FEEDBACK = """CREATE TABLE IF NOT EXISTS feedback (
    tenant TEXT NOT NULL, answer_id TEXT NOT NULL, rating INTEGER NOT NULL,
    comment TEXT NOT NULL, given_at TEXT NOT NULL, PRIMARY KEY (tenant, answer_id))"""


def plain_serializer() -> Any:
    """Checkpoints hold plain JSON values: no type of ours is ever revived from one."""
    from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

    return JsonPlusSerializer(pickle_fallback=False, allowed_msgpack_modules=None)


class SqliteMemory:
    """A Memory in one SQLite file."""

    def __init__(self, saver: Any) -> None:
        self.checkpointer = saver
        self._db = saver.conn

    @classmethod
    @asynccontextmanager
    async def open(cls, file: Path) -> AsyncIterator[SqliteMemory]:
        """Open the file, making it when there is none. Raises PermanentError."""
        import aiosqlite
        from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

        file.parent.mkdir(parents=True, exist_ok=True)
        async with aiosqlite.connect(file) as db:
            saver = AsyncSqliteSaver(db, serde=plain_serializer())
            try:
                await db.execute("PRAGMA busy_timeout = 5000")
                await saver.setup()
                await db.execute(_FEEDBACK)
                await db.commit()
            except aiosqlite.DatabaseError as error:
                raise PermanentError(
                    f"the conversations in {file} cannot be read",
                    hint="move the file away: questions are answered without it",
                ) from error
            yield cls(saver)

    async def prune(self, thread_id: str) -> None:
        """Drop all but the latest checkpoint: each holds the whole conversation.

        Writes of steps serve to resume a run; a run that was left is never resumed.
        """
        await self._db.execute("DELETE FROM writes WHERE thread_id = ?", (thread_id,))
        await self._db.execute(
            "DELETE FROM checkpoints WHERE thread_id = ? AND checkpoint_id < "
            "(SELECT MAX(checkpoint_id) FROM checkpoints WHERE thread_id = ?)",
            (thread_id, thread_id),
        )
        await self._db.commit()

    async def add_feedback(self, feedback: Feedback, tenant: str) -> None:
        """Keep a judgement; a later one of the same answer replaces it."""
        await self._db.execute(
            "INSERT OR REPLACE INTO feedback VALUES (?, ?, ?, ?, ?)", _row(feedback, tenant)
        )
        await self._db.commit()

    async def ratings(self, tenant: str) -> dict[str, int]:
        """Every judgement of a tenant's readers, -1 or 1, by the answer's id."""
        rows = await self._db.execute_fetchall(
            "SELECT answer_id, rating FROM feedback WHERE tenant = ?", (tenant,)
        )
        return dict(rows)

    async def check(self) -> None:
        """Raise TransientError when the file does not answer."""
        try:
            await self._db.execute_fetchall("SELECT 1")
        except Exception as error:
            raise TransientError("the conversations file does not answer") from error


class PostgresMemory:
    """A Memory in PostgreSQL, shared by any number of servers."""

    def __init__(self, saver: Any, pool: Any) -> None:
        self.checkpointer = saver
        self._pool = pool

    @classmethod
    @asynccontextmanager
    async def open(cls, url: str) -> AsyncIterator[PostgresMemory]:
        """Connect and make the tables that are missing.

        Raises:
            ConfigError: The URL is bad, or the extra is not installed.
            TransientError: The server does not answer.
        """
        async with postgres_pool(url, most=_CONNECTIONS, rows_as_dicts=True) as pool:
            from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver

            saver = AsyncPostgresSaver(pool, serde=plain_serializer())
            await saver.setup()
            async with pool.connection() as db:
                await db.execute(_FEEDBACK)
            yield cls(saver, pool)

    async def prune(self, thread_id: str) -> None:
        """Drop all but the latest checkpoint, and the writes of steps."""
        await self.checkpointer.aprune([thread_id], strategy="keep_latest")
        async with self._pool.connection() as db:
            await db.execute("DELETE FROM checkpoint_writes WHERE thread_id = %s", (thread_id,))

    async def add_feedback(self, feedback: Feedback, tenant: str) -> None:
        """Keep a judgement; a later one of the same answer replaces it."""
        async with self._pool.connection() as db:
            await db.execute(
                "INSERT INTO feedback VALUES (%s, %s, %s, %s, %s) ON CONFLICT (tenant, answer_id) "
                "DO UPDATE SET rating = EXCLUDED.rating, comment = EXCLUDED.comment, "
                "given_at = EXCLUDED.given_at",
                _row(feedback, tenant),
            )

    async def ratings(self, tenant: str) -> dict[str, int]:
        """Every judgement of a tenant's readers, -1 or 1, by the answer's id."""
        async with self._pool.connection() as db:
            rows = await db.execute(
                "SELECT answer_id, rating FROM feedback WHERE tenant = %s", (tenant,)
            )
            return {row["answer_id"]: row["rating"] for row in await rows.fetchall()}

    async def check(self) -> None:
        """Raise TransientError when the server does not answer."""
        try:
            async with self._pool.connection(timeout=2) as db:
                await db.execute("SELECT 1")
        except Exception as error:
            raise TransientError("the PostgreSQL server does not answer") from error


def _row(feedback: Feedback, tenant: str) -> tuple[Any, ...]:
    now = datetime.now(UTC).isoformat()
    return (tenant, feedback.answer_id, feedback.rating, feedback.comment, now)
