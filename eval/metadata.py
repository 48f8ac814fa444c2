"""What a reader needs to know to run it again, or to see why two runs differ."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from app import __version__
from app.core.settings import Settings
from eval.datasets import Dataset
from eval.ragas_process import RagasScores
from eval.runner import Ran
from prompts import PromptRegistry

_PACKAGES = (
    "fastembed", "kreuzberg", "langgraph", "numpy", "onnxruntime", "qdrant-edge-py", "ragas",
)  # fmt: skip
_SHAPING = ("embedding", "reranking", "retrieval", "chat", "answer", "ingestion")


class Metadata(BaseModel):
    """Where, when and with what a run was made. Holds no secret and no address.

    Args:
        commit: The repository's commit, `+` behind it when files had changed; may be empty.
        models: What encoded, reranked, wrote and judged.
        prompts: The served version of each prompt.
        settings: The sections that shape an answer.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    started: datetime
    seconds: float
    commit: str
    versions: dict[str, str]
    machine: str
    models: dict[str, str]
    prompts: dict[str, str]
    settings: dict[str, dict[str, Any]]
    dataset: str
    dataset_sha256: str
    questions: int
    documents: int
    chunks: int


def collect(dataset: Dataset, ran: Ran, ragas: RagasScores, started: datetime) -> Metadata:
    """The metadata of a run that ends now."""
    return Metadata(
        started=started,
        seconds=round((datetime.now(UTC) - started).total_seconds(), 1),
        commit=_commit(),
        versions=_versions(),
        machine=f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPUs",
        models={**ran.models, **ragas.versions},
        prompts=dict(PromptRegistry.load().active),
        settings=_shaping(ran.settings),
        dataset=dataset.name,
        dataset_sha256=dataset.digest,
        questions=len(dataset.questions),
        documents=ran.ingested.added,
        chunks=ran.ingested.chunks,
    )


def _shaping(settings: Settings) -> dict[str, dict[str, Any]]:
    return settings.model_dump(mode="json", include=set(_SHAPING))


def _versions() -> dict[str, str]:
    found: Mapping[str, str] = {"footnote": __version__, "python": platform.python_version()}
    return {**found, **{name: _version(name) for name in _PACKAGES}}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _commit() -> str:
    """The commit of the code that ran; empty outside of a repository."""
    here = Path(__file__).parent

    def git(*words: str) -> str:
        done = subprocess.run(  # noqa: S603 - fixed words, no shell
            ["git", *words],  # noqa: S607 - git is where the user has it
            cwd=here, capture_output=True, text=True, timeout=10, check=True,
        )  # fmt: skip
        return done.stdout.strip()

    try:
        changed = git("status", "--porcelain", "--untracked-files=no")
        return git("rev-parse", "HEAD") + ("+" if changed else "")
    except (OSError, subprocess.SubprocessError):
        return ""
