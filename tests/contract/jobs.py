"""What every Jobs must do. A subclass gives the fixture `jobs`."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable

import pytest

from app.adapters import jobs as form
from app.core.errors import NotFoundError
from app.core.exchange import Failure, IngestReport
from app.core.jobs import JobState, Progress, Upload, Work
from app.core.ports import Jobs

WORK = Work(
    paths=["/share/a*"],
    uploads=[Upload("ü\u2028.md", "Title", "text/markdown")],
    tags={"team": "hr"},
    sync=True,
    workers=2,
)
REPORT = IngestReport(added=1, chunks=3, failures=[Failure("x", "broken\0", "mend it")])
Queue = Callable[..., Awaitable[str]]
OVERDUE_S = -1.0


def new_id() -> str:
    return uuid.uuid4().hex


class JobsContract:
    """Each test has tenants of its own: the database may be shared."""

    @pytest.fixture
    async def jobs(self) -> Jobs:
        raise NotImplementedError

    @pytest.fixture
    def tenant(self) -> str:
        return f"t-{new_id()[:8]}"

    @pytest.fixture
    def queued(self, jobs: Jobs, tenant: str) -> Queue:
        async def add(work: Work = WORK, tenant: str = tenant) -> str:
            return (await jobs.add(new_id(), tenant, work)).job_id

        return add

    async def test_a_job_comes_back_as_it_was_handed_in(self, jobs: Jobs, tenant: str) -> None:
        added = await jobs.add(new_id(), tenant, WORK)

        assert added.work == WORK
        assert (added.state, added.kind, added.tenant) == (JobState.QUEUED, "ingest", tenant)
        assert await jobs.get(added.job_id, tenant) == added
        assert await jobs.get(added.job_id, None) == added

    async def test_handed_in_twice_it_is_done_once(self, jobs: Jobs, tenant: str) -> None:
        job_id = new_id()
        await jobs.add(job_id, tenant, WORK)
        again = await jobs.add(job_id, tenant, Work())

        assert again.work == WORK
        assert len(await jobs.latest(tenant, limit=10)) == 1

    async def test_another_tenant_never_sees_or_cancels_it(self, jobs: Jobs, queued: Queue) -> None:
        job_id = await queued()

        for act in (jobs.get, jobs.cancel):
            with pytest.raises(NotFoundError):
                await act(job_id, "another")
        assert await jobs.latest("another", limit=10) == []
        assert not (await jobs.get(job_id, None)).cancelling

    async def test_the_oldest_is_done_first_and_each_by_one_worker(
        self, jobs: Jobs, queued: Queue
    ) -> None:
        ids = [await queued() for _ in range(3)]
        done = []
        while job := await jobs.claim("worker"):
            assert job.state is JobState.RUNNING and job.started_at is not None
            assert await jobs.claim("another") is None  # one at a time for a tenant
            await jobs.finish(job.job_id, "worker", JobState.DONE, progress=Progress())
            done.append(job.job_id)
        assert done == ids

    async def test_many_workers_that_claim_at_once_share_the_jobs(
        self, jobs: Jobs, queued: Queue
    ) -> None:
        ids = {await queued(tenant=f"t-{new_id()[:8]}") for _ in range(8)}
        claims = [await asyncio.gather(*(jobs.claim(f"w{n}") for n in range(6))) for _ in range(8)]
        claimed = [job.job_id for round_ in claims for job in round_ if job]

        assert len(claimed) == len(set(claimed))
        assert set(claimed) == ids

    async def test_progress_report_and_times_are_kept(self, jobs: Jobs, queued: Queue) -> None:
        job_id = await queued()
        await jobs.claim("worker")
        beaten = await jobs.beat(job_id, "worker", Progress(1, 2, "ü\0.md"))
        assert beaten and beaten.progress == Progress(1, 2, "ü\0.md")
        await jobs.finish(
            job_id, "worker", JobState.DONE, progress=Progress(2, 2, "b"), report=REPORT
        )

        job = await jobs.get(job_id, None)
        assert (job.state, job.report, job.progress) == (JobState.DONE, REPORT, Progress(2, 2, "b"))
        assert job.started_at and job.finished_at
        assert job.created_at <= job.started_at <= job.finished_at

    async def test_a_dead_server_s_job_is_taken_up_again(
        self, jobs: Jobs, queued: Queue, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        job_id = await queued()
        with monkeypatch.context() as dying:
            dying.setattr(form, "LEASE_S", OVERDUE_S)
            await jobs.claim("dead")
        job = await jobs.claim("alive")

        assert job and job.job_id == job_id
        assert await jobs.beat(job_id, "dead", Progress(9, 9, "")) is None
        await jobs.finish(job_id, "dead", JobState.FAILED, progress=Progress(), error="late")
        assert (await jobs.get(job_id, None)).state is JobState.RUNNING

    async def test_a_job_that_kills_its_servers_is_given_up(
        self, jobs: Jobs, queued: Queue, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        job_id = await queued()
        monkeypatch.setattr(form, "LEASE_S", OVERDUE_S)
        claims = [await jobs.claim("dying") for _ in range(12)]

        assert sum(claim is not None for claim in claims) == 10
        job = await jobs.get(job_id, None)
        assert job.state is JobState.FAILED and job.error and job.finished_at

    async def test_a_server_that_stops_in_order_loses_no_try(
        self, jobs: Jobs, queued: Queue
    ) -> None:
        job_id = await queued()
        for _ in range(15):
            assert await jobs.claim("worker")
            await jobs.give_back(job_id, "worker")
        assert (await jobs.get(job_id, None)).state is JobState.QUEUED

    async def test_after_a_restart_what_ran_is_queued_again(
        self, jobs: Jobs, queued: Queue
    ) -> None:
        job_id = await queued()
        await jobs.claim("dead")
        await jobs.give_back_all()

        job = await jobs.claim("alive")
        assert job and job.job_id == job_id

    async def test_a_queued_job_is_cancelled_at_once_and_never_run(
        self, jobs: Jobs, queued: Queue
    ) -> None:
        job_id = await queued()
        job = await jobs.cancel(job_id, None)

        assert job.state is JobState.CANCELLED and job.finished_at
        assert await jobs.claim("worker") is None
        assert (await jobs.cancel(job_id, None)).finished_at == job.finished_at

    async def test_a_running_job_s_worker_learns_that_it_is_cancelled(
        self, jobs: Jobs, queued: Queue
    ) -> None:
        job_id = await queued()
        await jobs.claim("worker")

        assert (await jobs.cancel(job_id, None)).state is JobState.RUNNING
        beaten = await jobs.beat(job_id, "worker", Progress())
        assert beaten and beaten.cancelling
        await jobs.give_back(job_id, "worker")  # the server ends before it could
        assert (await jobs.get(job_id, None)).state is JobState.CANCELLED

    async def test_pages_go_back_in_time(self, jobs: Jobs, tenant: str, queued: Queue) -> None:
        ids = [await queued() for _ in range(5)]
        pages = [await jobs.latest(tenant, limit=2, offset=offset) for offset in (0, 2, 4)]

        assert [job.job_id for page in pages for job in page] == ids[::-1]

    async def test_only_what_ended_long_ago_is_forgotten(
        self, jobs: Jobs, tenant: str, queued: Queue, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        over, waiting = await queued(), await queued()
        await jobs.cancel(over, None)
        await jobs.prune()
        assert len(await jobs.latest(tenant, limit=10)) == 2
        monkeypatch.setattr(form, "KEPT_S", OVERDUE_S)
        await jobs.prune()

        assert [job.job_id for job in await jobs.latest(tenant, limit=10)] == [waiting]
        assert waiting in await jobs.open_ids()

    async def test_of_very_many_only_the_last_are_kept(
        self, jobs: Jobs, tenant: str, queued: Queue, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ids = [await queued() for _ in range(4)]
        for job_id in ids:
            await jobs.cancel(job_id, None)
        monkeypatch.setattr(form, "KEPT_JOBS", 2)
        await jobs.prune()

        assert {job.job_id for job in await jobs.latest(tenant, limit=10)} == {*ids[2:]}

    async def test_it_answers(self, jobs: Jobs) -> None:
        await jobs.check()
