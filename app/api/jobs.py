"""`/v1/jobs`: what became of documents that were handed in."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal

from fastapi import Query, Response
from pydantic import BaseModel, ConfigDict, Field

from app.api.door import TheDoor, v1_router
from app.api.fields import Name
from app.core.exchange import Report
from app.core.jobs import Job, JobState, Progress

router = v1_router("jobs")

Limit = Annotated[int, Query(ge=1, le=1000, description="jobs at most")]
Offset = Annotated[int, Query(ge=0, le=2**31 - 1, description="jobs to pass over")]


class JobView(BaseModel):
    """A job. Its report says of every file that failed why; its error, why the job did."""

    model_config = ConfigDict(from_attributes=True)

    job_id: str
    kind: Literal["ingest"] = "ingest"
    tenant: str
    state: JobState
    created_at: str
    started_at: str | None
    finished_at: str | None
    progress: Progress
    report: Report | None = Field(description="once it is done")
    error: str | None = Field(description="once it has failed")

    @classmethod
    def of(cls, job: Job) -> JobView:
        """A job as the outside sees it."""
        return cls(
            job_id=job.job_id,
            tenant=job.tenant,
            state=job.state,
            created_at=_moment(job.created_at) or "",
            started_at=_moment(job.started_at),
            finished_at=_moment(job.finished_at),
            progress=job.progress,
            report=Report.of(job.report) if job.report else None,
            error=job.error,
        )


class JobList(BaseModel):
    """A page of jobs, the newest first."""

    data: list[JobView]
    has_more: bool


@router.get("/jobs", summary="Jobs")
async def jobs(door: TheDoor, limit: Limit = 100, offset: Offset = 0) -> JobList:
    """The jobs, the newest first, page by page."""
    desk, tenant = door.footnote.jobs, door.settings.api.tenant
    found = await desk.latest(tenant, limit=limit + 1, offset=offset)
    return JobList(data=[JobView.of(job) for job in found[:limit]], has_more=len(found) > limit)


@router.get("/jobs/{job_id}", summary="One job")
async def job(job_id: Name, door: TheDoor) -> JobView:
    """How far a job has come, and its report once it is done."""
    return JobView.of(await door.footnote.jobs.get(job_id, door.settings.api.tenant))


@router.delete(
    "/jobs/{job_id}",
    summary="Cancel a job",
    status_code=202,
    responses={204: {"description": "It is over"}},
)
async def cancel(job_id: Name, door: TheDoor, response: Response) -> JobView | None:
    """End a job: a waiting one at once, a running one within a second (202).

    Documents that are done stay done.
    """
    job = await door.footnote.jobs.cancel(job_id, door.settings.api.tenant)
    if job.is_over:
        response.status_code = 204
        return None
    return JobView.of(job)


def _moment(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat()
