"""Does the jobs of a queue, one after another."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import structlog

from app.core.errors import FootnoteError, TransientError
from app.core.exchange import IngestReport
from app.core.jobs import Job, JobState, Progress
from app.core.ports import Jobs
from app.jobs.spool import Spool
from ingestion.prepare import Source

Ingest = Callable[..., Awaitable[IngestReport]]
"""`Ingestor.run`."""
Start = Callable[[Callable[[int, int, str], None]], Awaitable[IngestReport]]
"""Begins a job's work, given what is to be told of its progress."""

_BEAT_S = 0.5  # how often progress is written down and a cancellation is looked for
_LOOK_S = 1.0  # how often an idle server looks for jobs of others

log = structlog.get_logger(__name__)


class Runner:
    """Claims jobs and runs them; see `JobDesk` for the arguments."""

    def __init__(self, queue: Jobs, spool: Spool, ingest: Ingest, *, alone: bool) -> None:
        self._queue = queue
        self._spool = spool
        self._ingest = ingest
        self._alone = alone
        self._name = uuid.uuid4().hex
        self._news = asyncio.Event()

    def wake(self) -> None:
        """There may be something to do."""
        self._news.set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run jobs until the block ends; the one in the middle then waits for the next server."""
        task = asyncio.create_task(self._run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait({task})

    async def _run(self) -> None:
        started = False
        while True:
            try:
                if not started:
                    await self._take_stock()
                    started = True
                job = await self._queue.claim(self._name)
                if job:
                    await self._do(job)
                    await self._queue.prune()
                    continue
            except Exception:
                log.warning("jobs.queue_failed", exc_info=True)
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_S):
                    await self._news.wait()
            self._news.clear()

    async def _take_stock(self) -> None:
        """See to what dead servers left."""
        if self._alone:
            await self._queue.give_back_all()
        await self._queue.prune()
        await self._spool.sweep(await self._queue.open_ids())

    async def _do(self, job: Job) -> None:
        log.info("job.started", job_id=job.job_id, tenant=job.tenant)
        doing = _Doing(self._start(job))
        try:
            try:
                mine = await self._watch(job, doing)
            finally:
                await doing.stop()
        except asyncio.CancelledError:  # this server ends
            await self._give_back(job)
            raise
        if not mine:
            log.warning("job.lost", job_id=job.job_id)
            return
        state, report, error = doing.outcome()
        await self._queue.finish(
            job.job_id,
            self._name,
            state,
            progress=doing.progress,
            report=report,
            error=error,
        )
        await self._spool.drop(job.job_id)
        log.info("job.ended", job_id=job.job_id, state=state.value, error=error)

    async def _watch(self, job: Job, doing: _Doing) -> bool:
        """Wait for the end of the work, with a beat now and then; False when it was lost."""
        while not await doing.ended_within(_BEAT_S):
            try:
                now = await self._queue.beat(job.job_id, self._name, doing.progress)
            except TransientError:
                log.warning("job.beat_failed", job_id=job.job_id, exc_info=True)
                continue
            if now is None or now.cancelling:
                await doing.stop()
                return now is not None
        return True

    async def _give_back(self, job: Job) -> None:
        try:
            await self._queue.give_back(job.job_id, self._name)
        except TransientError:  # then it waits until its lease is over
            log.warning("job.give_back_failed", job_id=job.job_id, exc_info=True)

    def _start(self, job: Job) -> Start:
        work = job.work
        uploads = [
            Source(upload.name, self._spool.path(job.job_id, number), upload.title, upload.kind)
            for number, upload in enumerate(work.uploads)
        ]
        return lambda progress: self._ingest(
            work.paths,
            tenant=job.tenant,
            tags=work.tags,
            sync=work.sync,
            yes=work.yes,
            workers=work.workers,
            address=work.address,
            uploads=uploads,
            progress=progress,
        )


class _Doing:
    """A job's work in a task of its own."""

    def __init__(self, start: Start) -> None:
        self.progress = Progress()
        self._task = asyncio.ensure_future(start(self._note))

    def _note(self, done: int, total: int, step: str) -> None:
        self.progress = Progress(done, total, step)

    async def ended_within(self, seconds: float) -> bool:
        done, _ = await asyncio.wait({self._task}, timeout=seconds)
        return bool(done)

    async def stop(self) -> None:
        """Cancel the work and wait until it has cleaned up."""
        self._task.cancel()
        await asyncio.wait({self._task})

    def outcome(self) -> tuple[JobState, IngestReport | None, str | None]:
        """How it ended; the log has what a user is not told."""
        if self._task.cancelled():
            return JobState.CANCELLED, None, None
        error = self._task.exception()
        if error is None:
            return JobState.DONE, self._task.result(), None
        if isinstance(error, FootnoteError):
            return JobState.FAILED, None, str(error)
        log.error("job.broke", exc_info=error)
        return JobState.FAILED, None, f"internal error ({type(error).__name__}); see the log"
