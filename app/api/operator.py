"""`/v1/operator`: what the command line hands to the server that holds the index.

Only with the operator's token (`auth.py`), as this reads files of the server's machine
and works for any tenant.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from app.api.auth import OPERATOR_PATH
from app.api.door import TheDoor
from app.api.fields import Name, Text
from app.core.exchange import IngestReport
from app.core.jobs import Job, JobState, Progress, Work

router = APIRouter(prefix=OPERATOR_PATH, include_in_schema=False)


def _absolute(path: str) -> str:
    if not Path(path).is_absolute():
        raise ValueError("is not an absolute path")
    return path


class Order(BaseModel):
    """Paths to be ingested, as `footnote ingest` takes them."""

    model_config = ConfigDict(extra="forbid")

    job_id: str = Field(pattern="^[0-9a-f]{32}$")
    paths: list[Annotated[Text, AfterValidator(_absolute)]] = Field(min_length=1)
    tenant: Name
    tags: dict[Text, Text] = Field(default_factory=dict)
    sync: bool = False
    yes: bool = False
    workers: int = Field(0, ge=0)
    address: Text = ""


class OrderState(BaseModel):
    """How far it has come; the report has all that the command line tells."""

    job_id: str
    state: JobState
    progress: Progress
    report: IngestReport | None
    error: str | None

    @classmethod
    def of(cls, job: Job) -> OrderState:
        """A job as the command line sees it."""
        return cls(
            job_id=job.job_id,
            state=job.state,
            progress=job.progress,
            report=job.report,
            error=job.error,
        )


@router.get("")
async def here() -> dict[str, int]:
    """The token is right."""
    return {"pid": os.getpid()}


@router.post("/jobs", status_code=202)
async def add(order: Order, door: TheDoor) -> OrderState:
    """Take the work in; asked twice under one id, it is done once."""
    work = Work(
        paths=order.paths,
        tags=order.tags,
        sync=order.sync,
        yes=order.yes,
        workers=order.workers,
        address=order.address,
    )
    return OrderState.of(await door.footnote.jobs.add(order.tenant, work, job_id=order.job_id))


@router.get("/jobs/{job_id}")
async def job(job_id: Name, door: TheDoor) -> OrderState:
    """How far it has come."""
    return OrderState.of(await door.footnote.jobs.get(job_id, None))


@router.delete("/jobs/{job_id}", status_code=202)
async def cancel(job_id: Name, door: TheDoor) -> OrderState:
    """End it soon; what is done stays done."""
    return OrderState.of(await door.footnote.jobs.cancel(job_id, None))
