"""Both queues of jobs pass the contract."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.adapters.postgres_jobs import PostgresJobs
from app.adapters.sqlite_jobs import SqliteJobs
from app.core.errors import ConfigError, PermanentError, TransientError
from app.core.jobs import Work
from tests.contract.jobs import JobsContract, new_id


class TestSqliteJobs(JobsContract):
    @pytest.fixture
    async def jobs(self, tmp_path: Path) -> AsyncIterator[SqliteJobs]:
        async with SqliteJobs.open(tmp_path / "data" / "jobs.sqlite") as jobs:
            yield jobs

    async def test_jobs_outlive_the_process_that_took_them_in(self, tmp_path: Path) -> None:
        file = tmp_path / "jobs.sqlite"
        async with SqliteJobs.open(file) as jobs:
            added = await jobs.add(new_id(), "default", Work(paths=["/share"]))
        async with SqliteJobs.open(file) as jobs:
            assert await jobs.get(added.job_id, "default") == added

    async def test_two_processes_on_one_file_share_its_jobs(self, tmp_path: Path) -> None:
        file = tmp_path / "jobs.sqlite"
        async with SqliteJobs.open(file) as one, SqliteJobs.open(file) as two:
            for n in range(10):
                await one.add(new_id(), f"tenant-{n}", Work())
            claims = await asyncio.gather(*((one, two)[n % 2].claim(f"w{n}") for n in range(14)))
        ids = [job.job_id for job in claims if job]
        assert len(ids) == len({*ids}) == 10

    async def test_a_damaged_file_is_one_sentence(self, tmp_path: Path) -> None:
        file = tmp_path / "jobs.sqlite"
        file.write_bytes(b"not a database " * 100)
        with pytest.raises(PermanentError, match="cannot be read"):
            async with SqliteJobs.open(file):
                pass


class TestPostgresJobs(JobsContract):
    @pytest.fixture
    def place(self) -> str:
        return uuid.uuid4().hex

    @pytest.fixture
    async def jobs(self, postgres_url: str, place: str) -> AsyncIterator[PostgresJobs]:
        async with PostgresJobs.open(postgres_url, place) as jobs:
            yield jobs

    async def test_of_several_servers_each_job_has_one(
        self, jobs: PostgresJobs, postgres_url: str, place: str
    ) -> None:
        tenants = [f"t-{new_id()[:8]}" for _ in range(10)]
        async with PostgresJobs.open(postgres_url, place) as other:
            for tenant in tenants * 2:
                await jobs.add(new_id(), tenant, Work())
            claims = await asyncio.gather(*((jobs, other)[n % 2].claim(f"w{n}") for n in range(40)))
            claimed = [job for job in claims if job]
            while job := await other.claim("late"):  # one of a tenant at a time
                claimed.append(job)
        assert len({job.job_id for job in claimed}) == len(claimed) == 10
        assert {job.tenant for job in claimed} == {*tenants}

    async def test_a_server_that_does_not_see_the_files_leaves_the_job(
        self, jobs: PostgresJobs, postgres_url: str
    ) -> None:
        job = await jobs.add(new_id(), f"t-{new_id()[:8]}", Work())
        async with PostgresJobs.open(postgres_url, "elsewhere") as other:
            assert await other.claim("worker") is None
            assert await other.get(job.job_id, job.tenant) == job
        assert await jobs.claim("worker")

    async def test_servers_that_start_at_the_same_moment_all_start(
        self, postgres_url: str, place: str
    ) -> None:
        async def start() -> None:
            async with PostgresJobs.open(postgres_url, place) as jobs:
                await jobs.check()

        await asyncio.gather(*(start() for _ in range(5)))

    async def test_a_server_that_is_away_is_one_sentence(self, free_port: int) -> None:
        with pytest.raises(TransientError, match="does not answer"):
            async with PostgresJobs.open(f"postgresql://127.0.0.1:{free_port}/x", "place"):
                pass
        with pytest.raises(ConfigError, match=r"database\.url"):
            async with PostgresJobs.open("mysql:/nonsense", "place"):
                pass
