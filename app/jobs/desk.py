"""Where jobs are handed in and asked after."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import IO

from app.core.jobs import Job, Work
from app.core.ports import Jobs
from app.jobs.runner import Ingest, Runner
from app.jobs.spool import Spool


class JobDesk:
    """Takes jobs in. They are done while `running` lasts, here or in another server.

    Args:
        queue: Where jobs wait.
        spool: Where their files wait.
        ingest: Does the work; see `Ingestor.run`.
        alone: No other process works on this queue's jobs, as an embedded index belongs to
            one: what is running at the start was left by a dead one.
    """

    def __init__(self, queue: Jobs, spool: Spool, ingest: Ingest, *, alone: bool) -> None:
        self._queue = queue
        self._spool = spool
        self._runner = Runner(queue, spool, ingest, alone=alone)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Do the jobs, one after another, in the background."""
        async with self._runner.running():
            yield

    async def add(
        self,
        tenant: str,
        work: Work,
        files: Sequence[IO[bytes]] = (),
        *,
        job_id: str | None = None,
    ) -> Job:
        """Queue a job.

        Args:
            files: The bytes of `work.uploads`, in the same order.
            job_id: Chosen by the caller, in hexadecimal, so that it may ask twice.
        """
        name = job_id or uuid.uuid4().hex
        if files:
            await self._spool.keep(name, files)
        try:
            job = await self._queue.add(name, tenant, work)
        except BaseException:
            await self._spool.drop(name)
            raise
        self._runner.wake()
        return job

    async def get(self, job_id: str, tenant: str | None) -> Job:
        """One job of a tenant, or of any. Raises NotFoundError."""
        return await self._queue.get(job_id, tenant)

    async def latest(self, tenant: str, *, limit: int, offset: int = 0) -> list[Job]:
        """A tenant's jobs, the newest first."""
        return await self._queue.latest(tenant, limit=limit, offset=offset)

    async def cancel(self, job_id: str, tenant: str | None) -> Job:
        """End a queued job now and a running one soon; what is done stays done.

        Raises NotFoundError.
        """
        job = await self._queue.cancel(job_id, tenant)
        if job.is_over:
            await self._spool.drop(job_id)
        return job

    async def check(self) -> None:
        """Raise TransientError when the queue does not answer."""
        await self._queue.check()
