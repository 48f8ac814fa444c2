"""`/v1/operator`: what the command line hands to the server that holds the index.

Only with the operator's token (`auth.py`), as this reads files of the server's machine
and works for any tenant.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncGenerator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import structlog
from fastapi import APIRouter
from fastapi.responses import StreamingResponse
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from app.api.auth import OPERATOR_PATH
from app.api.door import TheDoor
from app.api.fields import Filters, Name, Text
from app.core.errors import FootnoteError
from app.core.exchange import IngestReport, RebuildReport, WhyNot
from app.core.jobs import Job, JobState, Progress, Work
from app.core.settings import EmbeddingSettings, IngestionSettings
from app.core.types import Scope
from app.service import Footnote

log = structlog.get_logger(__name__)
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


class Wanted(BaseModel):
    """The settings that a rebuilt index is to follow."""

    model_config = ConfigDict(extra="forbid")

    embedding: EmbeddingSettings
    ingestion: IngestionSettings


class Missed(BaseModel):
    """A question, and the document that is missing from its evidence."""

    model_config = ConfigDict(extra="forbid")

    question: Text = Field(min_length=1)
    document_id: Name
    tenant: Name
    filters: Filters = Field(default_factory=dict)


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


@router.post("/why-not")
async def why_not(missed: Missed, door: TheDoor) -> WhyNot:
    """What became of the document."""
    scope = Scope(missed.tenant, missed.filters)
    return await door.footnote.why_not(missed.question, missed.document_id, scope)


@router.post("/rebuild")
async def rebuild(wanted: Wanted, door: TheDoor) -> StreamingResponse:
    """Rebuild the index: lines of JSON, the progress and at last `report` or `error`.

    Who hangs up ends the work, and the old index stays.
    """
    return StreamingResponse(
        _rebuild(door.footnote, wanted),
        media_type="application/x-ndjson",
        headers={"X-Accel-Buffering": "no"},
    )


async def _rebuild(footnote: Footnote, wanted: Wanted) -> AsyncGenerator[str, None]:
    told: asyncio.Queue[dict[str, object] | None] = asyncio.Queue()

    def progress(done: int, total: int, step: str) -> None:
        told.put_nowait({"done": done, "total": total, "step": step})

    async def work() -> RebuildReport:
        try:
            sections = {"embedding": wanted.embedding, "ingestion": wanted.ingestion}
            return await footnote.rebuild(progress, footnote.settings.model_copy(update=sections))
        finally:
            told.put_nowait(None)

    task = asyncio.create_task(work())
    try:
        while (line := await told.get()) is not None:
            yield json.dumps(line) + "\n"
        try:
            last: dict[str, object] = {"report": asdict(await task)}
        except FootnoteError as error:
            last = {"error": error.message, "hint": error.hint}
        except Exception:
            log.exception("index.rebuild_failed")
            last = {"error": "the rebuild failed", "hint": "see the server's log"}
        yield json.dumps(last) + "\n"
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
