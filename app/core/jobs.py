"""Ingestion jobs: what is to be done, and how far it has come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from app.core.exchange import IngestReport


class JobState(StrEnum):
    """Where a job stands; the last three are ends."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that came with a job.

    Args:
        name: What the document's `source` will say; never used as a path.
        title: Wins over the title that the file states.
        kind: Its MIME type; empty where the name tells it.
    """

    name: str
    title: str = ""
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Work:
    """What a job is to do: files of the server's machine, and files that came with it."""

    paths: Sequence[str] = ()
    uploads: Sequence[Upload] = ()
    tags: Mapping[str, str] = field(default_factory=dict)
    sync: bool = False
    yes: bool = False
    workers: int = 0
    address: str = ""


@dataclass(frozen=True, slots=True)
class Progress:
    """Files done, files in all, and the file just finished."""

    done: int = 0
    total: int = 0
    step: str = ""


@dataclass(frozen=True, slots=True)
class Job:
    """A job as the queue holds it. Times are seconds since 1970, None before the event.

    Args:
        report: Of a job that is done.
        error: Why a job failed, and what to do.
        cancelling: Somebody wants it to end.
    """

    job_id: str
    tenant: str
    work: Work
    created_at: float
    state: JobState = JobState.QUEUED
    started_at: float | None = None
    finished_at: float | None = None
    progress: Progress = Progress()
    report: IngestReport | None = None
    error: str | None = None
    cancelling: bool = False
    kind: str = "ingest"

    @property
    def is_over(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.state not in (JobState.QUEUED, JobState.RUNNING)
