"""Connections to PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from app.core.errors import ConfigError, TransientError

_CONNECT_S = 10


@asynccontextmanager
async def postgres_pool(url: str, *, most: int, rows_as_dicts: bool = False) -> AsyncIterator[Any]:
    """A pool of connections, each statement a transaction of its own.

    Args:
        most: Connections at the same time.
        rows_as_dicts: By column name; else rows are tuples.

    Raises:
        ConfigError: The URL is bad, or the extra is not installed.
        TransientError: The server does not answer.
    """
    try:
        import psycopg
        from psycopg.rows import dict_row, tuple_row
        from psycopg_pool import AsyncConnectionPool
    except ImportError as error:
        raise ConfigError(
            "PostgreSQL needs the extra `server`", hint="pip install 'footnote-rag[server]'"
        ) from error
    # Tried before the pool does, which would try for long and log the URL, password and all.
    try:
        await (await psycopg.AsyncConnection.connect(url, connect_timeout=_CONNECT_S)).close()
    except psycopg.ProgrammingError:
        raise ConfigError(
            "bad value for database.url: not a postgresql:// address",
            hint="check FOOTNOTE_DATABASE__URL",
        ) from None
    except psycopg.OperationalError:
        raise TransientError(
            "the PostgreSQL server does not answer", hint="check FOOTNOTE_DATABASE__URL"
        ) from None
    rows = dict_row if rows_as_dicts else tuple_row
    options = {"autocommit": True, "prepare_threshold": 0, "row_factory": rows}
    pool: Any = AsyncConnectionPool(url, kwargs=options, open=False, min_size=1, max_size=most)
    async with pool:
        yield pool
