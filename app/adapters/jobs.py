"""The queue of ingestion jobs in SQL that SQLite and PostgreSQL both read.

Only the database's clock tells when a lease is over: those of several servers may differ.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cache
from typing import Any

from app.core.errors import NotFoundError, TransientError
from app.core.exchange import IngestReport
from app.core.jobs import Job, JobState, Progress, Work

LEASE_S = 30.0
"""A server that has not been heard of for so long is dead."""
KEPT_S = 30 * 86_400
KEPT_JOBS = 1_000

_COLUMNS = (
    "job_id, kind, tenant, state, work, created_at, started_at, finished_at, progress, "
    "report, error, cancelling"
)
# A job that ended its server ten times is not tried again.
_FREED = """worker = NULL, leased_until = NULL,
    state = CASE WHEN cancelling = 1 THEN 'cancelled' WHEN tries >= 10 THEN 'failed'
        ELSE 'queued' END,
    finished_at = CASE WHEN cancelling = 1 OR tries >= 10 THEN :now END,
    error = CASE WHEN cancelling = 0 AND tries >= 10
        THEN 'the server died again and again while it did this; see its log' END"""


class SqlJobs(ABC):
    """What both backends do. SQL is written with `?` for values and marks, see `sql`.

    Args:
        place: Jobs are for the servers of one place: those that see the same files.
    """

    NUMBER: str
    """The type of a column that counts rows up."""
    NOW: str
    """Seconds since 1970."""
    SKIP_LOCKED = ""
    """Ends a SELECT that is to pass over what another server is just taking."""

    def __init__(self, place: str) -> None:
        self._place = place

    @abstractmethod
    async def _run(self, sql: str, values: Sequence[Any] = ()) -> list[Sequence[Any]]:
        """The rows of one statement, a transaction of its own.

        Raises TransientError when the database does not answer.
        """

    @abstractmethod
    async def _claim(self, sql: str, values: Sequence[Any]) -> list[Sequence[Any]]:
        """As `_run`; no rows where another server was faster."""

    def sql(self, text: str) -> str:
        """A statement, its marks replaced."""
        marks = {
            ":columns": _COLUMNS,
            ":freed": _FREED,
            ":skip_locked": self.SKIP_LOCKED,
            ":number": self.NUMBER,
            ":now": self.NOW,
        }
        for mark, meaning in marks.items():
            text = text.replace(mark, meaning)
        return text

    def schema(self) -> list[str]:
        """The statements that make what is missing."""
        return [
            """CREATE TABLE IF NOT EXISTS ingestion_jobs (
                number :number, job_id TEXT NOT NULL UNIQUE, place TEXT NOT NULL,
                kind TEXT NOT NULL, tenant TEXT NOT NULL, state TEXT NOT NULL,
                work TEXT NOT NULL, created_at DOUBLE PRECISION NOT NULL,
                started_at DOUBLE PRECISION, finished_at DOUBLE PRECISION,
                progress TEXT NOT NULL DEFAULT '{}', report TEXT, error TEXT,
                worker TEXT, leased_until DOUBLE PRECISION, tries INTEGER NOT NULL DEFAULT 0,
                cancelling INTEGER NOT NULL DEFAULT 0)""",
            # Two servers that claim at the same moment: one of them is refused.
            """CREATE UNIQUE INDEX IF NOT EXISTS ingestion_jobs_running
                ON ingestion_jobs (tenant) WHERE state = 'running'""",
            """CREATE INDEX IF NOT EXISTS ingestion_jobs_queued
                ON ingestion_jobs (number) WHERE state IN ('queued', 'running')""",
            """CREATE INDEX IF NOT EXISTS ingestion_jobs_of_tenant
                ON ingestion_jobs (tenant, number)""",
        ]

    async def add(self, job_id: str, tenant: str, work: Work) -> Job:
        """Queue a job; a job that is there already stays as it is."""
        await self._run(
            """INSERT INTO ingestion_jobs (job_id, place, kind, tenant, state, work, created_at)
                VALUES (?, ?, 'ingest', ?, 'queued', ?, :now) ON CONFLICT (job_id) DO NOTHING""",
            (job_id, self._place, tenant, _dump(work, Work)),
        )
        return await self.get(job_id, tenant)

    async def get(self, job_id: str, tenant: str | None) -> Job:
        """One job of a tenant, or of any. Raises NotFoundError."""
        rows = await self._run(
            "SELECT :columns FROM ingestion_jobs WHERE job_id = ? AND tenant = COALESCE(?, tenant)",
            (job_id, tenant),
        )
        if not rows:
            hint = "jobs that ended long ago are forgotten"
            raise NotFoundError("there is no such job", hint=hint)
        return _job(rows[0])

    async def latest(self, tenant: str, *, limit: int, offset: int = 0) -> list[Job]:
        """A tenant's jobs, the newest first."""
        rows = await self._run(
            "SELECT :columns FROM ingestion_jobs WHERE tenant = ? "
            "ORDER BY number DESC LIMIT ? OFFSET ?",
            (tenant, limit, offset),
        )
        return [_job(row) for row in rows]

    async def claim(self, worker: str) -> Job | None:
        """Take the oldest job that may run; those of dead servers are queued again first."""
        await self._run(
            "UPDATE ingestion_jobs SET :freed WHERE state = 'running' AND leased_until < :now"
        )
        rows = await self._claim(
            """UPDATE ingestion_jobs SET state = 'running', worker = ?, tries = tries + 1,
                    started_at = COALESCE(started_at, :now), leased_until = :now + ?
                WHERE job_id = (
                    SELECT job_id FROM ingestion_jobs AS waiting
                    WHERE state = 'queued' AND place = ? AND NOT EXISTS (
                        SELECT 1 FROM ingestion_jobs AS other
                        WHERE other.state = 'running' AND other.tenant = waiting.tenant)
                    ORDER BY number LIMIT 1 :skip_locked)
                RETURNING :columns""",
            (worker, LEASE_S, self._place),
        )
        return _job(rows[0]) if rows else None

    async def beat(self, job_id: str, worker: str, progress: Progress) -> Job | None:
        """Say how far a job has come. Gives the job, None when it is no longer the worker's."""
        rows = await self._run(
            "UPDATE ingestion_jobs SET progress = ?, leased_until = :now + ? "
            "WHERE job_id = ? AND worker = ? AND state = 'running' RETURNING :columns",
            (_dump(progress, Progress), LEASE_S, job_id, worker),
        )
        return _job(rows[0]) if rows else None

    async def finish(
        self,
        job_id: str,
        worker: str,
        state: JobState,
        *,
        progress: Progress,
        report: IngestReport | None = None,
        error: str | None = None,
    ) -> None:
        """End a job, unless it is no longer the worker's."""
        await self._run(
            "UPDATE ingestion_jobs SET state = ?, finished_at = :now, progress = ?, report = ?, "
            "error = ?, worker = NULL WHERE job_id = ? AND worker = ? AND state = 'running'",
            (
                state.value,
                _dump(progress, Progress),
                None if report is None else _dump(report, IngestReport),
                error,
                job_id,
                worker,
            ),
        )

    async def give_back(self, job_id: str, worker: str) -> None:
        """Queue a job again that its worker cannot finish now; that was no failed try."""
        await self._run(
            """UPDATE ingestion_jobs SET worker = NULL, leased_until = NULL, tries = tries - 1,
                    state = CASE WHEN cancelling = 1 THEN 'cancelled' ELSE 'queued' END,
                    finished_at = CASE WHEN cancelling = 1 THEN :now END
                WHERE job_id = ? AND worker = ? AND state = 'running'""",
            (job_id, worker),
        )

    async def give_back_all(self) -> None:
        """Queue all running jobs of the place again: their servers are gone."""
        await self._run(
            "UPDATE ingestion_jobs SET :freed WHERE state = 'running' AND place = ?",
            (self._place,),
        )

    async def cancel(self, job_id: str, tenant: str | None) -> Job:
        """End a queued job now and a running one soon. Raises NotFoundError."""
        await self._run(
            """UPDATE ingestion_jobs SET cancelling = 1,
                    finished_at = CASE WHEN state = 'queued' THEN :now END,
                    state = CASE WHEN state = 'queued' THEN 'cancelled' ELSE state END
                WHERE job_id = ? AND tenant = COALESCE(?, tenant)
                    AND state IN ('queued', 'running')""",
            (job_id, tenant),
        )
        return await self.get(job_id, tenant)

    async def open_ids(self) -> set[str]:
        """Jobs that are queued or running."""
        rows = await self._run(
            "SELECT job_id FROM ingestion_jobs WHERE state IN ('queued', 'running')"
        )
        return {row[0] for row in rows}

    async def prune(self) -> None:
        """Forget jobs that ended 30 days ago, and all but the last thousand."""
        await self._run(
            "DELETE FROM ingestion_jobs WHERE finished_at < :now - ? OR (finished_at IS NOT NULL "
            "AND number NOT IN (SELECT number FROM ingestion_jobs WHERE finished_at IS NOT NULL "
            "ORDER BY number DESC LIMIT ?))",
            (KEPT_S, KEPT_JOBS),
        )

    async def check(self) -> None:
        """Raise TransientError when the database does not answer."""
        await self._run("SELECT 1")


def unanswered() -> TransientError:
    """The database is out of reach."""
    return TransientError("the queue of jobs does not answer", hint="try again soon")


def _job(row: Sequence[Any]) -> Job:
    (job_id, kind, tenant, state, work, created, started, finished, *rest) = row
    progress, report, error, cancelling = rest
    return Job(
        job_id=job_id,
        kind=kind,
        tenant=tenant,
        state=JobState(state),
        work=_adapter(Work).validate_json(work),
        created_at=created,
        started_at=started,
        finished_at=finished,
        progress=_adapter(Progress).validate_json(progress),
        report=_adapter(IngestReport).validate_json(report) if report else None,
        error=error,
        cancelling=bool(cancelling),
    )


def _dump(value: Any, kind: Any) -> str:
    text: str = _adapter(kind).dump_json(value).decode()
    return text


@cache
def _adapter(kind: Any) -> Any:
    from pydantic import TypeAdapter

    return TypeAdapter(kind)
