"""Runs a suite: a fresh index, every question once, everything measured."""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import structlog

from app.core.errors import ConfigError, FootnoteError, NotFoundError
from app.core.exchange import Ask, IngestReport
from app.core.settings import Settings, load_settings
from app.core.types import Answer, Citation, Passage, Scope
from app.wiring import open_footnote
from eval.datasets import Dataset, Question
from eval.metrics.score import Asked, Outcome
from eval.suite import Suite
from graphs.context import Context

PASSAGES = 10
_TENANT = "evaluation"
_MODELS = ("dense", "reranker", "chat")
_OURS = ("data_dir", "qdrant", "redis", "database", "cache")

log = structlog.get_logger(__name__)

Progress = Callable[[int, int, str], None]
"""Told how many steps are done, of how many, and the latest one."""


class Service(Protocol):
    """What the runner needs of Footnote."""

    @property
    def base(self) -> Context:
        """The context of every question; names the models."""

    async def ask(self, request: Ask) -> Answer:
        """The whole answer."""

    async def search(self, query: str, scope: Scope, k: int | None = None) -> list[Passage]:
        """Retrieval alone."""

    async def text(self, document_id: str, scope: Scope) -> str:
        """A document's canonical text."""

    async def ingest(
        self,
        paths: Sequence[str | Path],
        *,
        tenant: str,
        tags: Mapping[str, str],
        sync: bool = False,
        progress: Progress | None = None,
    ) -> IngestReport:
        """Bring files into the index."""


Open = Callable[[Settings], AbstractAsyncContextManager[Service]]
"""Makes the service under test; `app.wiring.open_footnote`, or a stand-in with a fault."""


@dataclass(frozen=True, slots=True)
class Ran:
    """What came out of a run, before anything is computed from it."""

    outcome: Outcome
    ingested: IngestReport
    models: Mapping[str, str]
    settings: Settings


async def run(
    suite: Suite,
    dataset: Dataset,
    *,
    changes: Mapping[str, Mapping[str, Any]] | None = None,
    open_service: Open = open_footnote,
    progress: Progress | None = None,
) -> Ran:
    """Ingest the dataset's documents into an index of its own, then ask every question.

    Args:
        suite: What to run.
        dataset: Its questions and documents.
        changes: Settings that win over the suite's.
        open_service: Makes the service under test.
        progress: Told after every document and question.

    Raises:
        ConfigError: A setting is unknown, bad or not the suite's to choose.
    """
    scope = Scope(_TENANT)
    with tempfile.TemporaryDirectory(prefix="footnote-eval-") as folder:
        settings = settings_for(suite, Path(folder), changes or {})
        async with open_service(settings) as service:
            ingested = await service.ingest(
                dataset.paths, tenant=_TENANT, tags={}, progress=progress
            )
            asked: list[Asked] = []
            texts: dict[str, str | None] = {}
            for question in dataset.questions:
                asked.append(await _ask(service, question, scope, texts))
                if progress:
                    progress(len(asked), len(dataset.questions), question.id)
            models = {k: v for k, v in service.base.identity.items() if k in _MODELS}
    return Ran(Outcome(asked, ingested.failures), ingested, models, settings)


def settings_for(suite: Suite, folder: Path, changes: Mapping[str, Mapping[str, Any]]) -> Settings:
    """The user's settings, then the suite's, then the changes; index and memory embedded
    in the folder and no cache, so that a run neither reads nor leaves anything."""
    merged: dict[str, dict[str, Any]] = {}
    for source in (suite.settings, changes):
        for section, values in source.items():
            if section in _OURS:
                raise ConfigError(
                    f"an evaluation chooses {section} itself", hint=f"leave {section} out"
                )
            merged[section] = {**merged.get(section, {}), **values}
    unset: dict[str, Any] = {name: {"url": None} for name in ("qdrant", "redis", "database")}
    return load_settings(**merged, **unset, data_dir=folder, cache={"enabled": False})


async def _ask(
    service: Service, question: Question, scope: Scope, texts: dict[str, str | None]
) -> Asked:
    """Ask first, then search: the other way round the answer would find warm caches."""
    answer: Answer | None = None
    passages: Sequence[Passage] = ()
    canonical: list[str | None] = []
    started = time.perf_counter()
    error = ""
    try:
        answer = await service.ask(Ask(question.question, scope))
    except Exception as failure:  # noqa: BLE001 - counted; one question must not stop the others
        error = f"ask: {_describe(failure)}"
    wall_ms = (time.perf_counter() - started) * 1000
    try:
        passages = await service.search(question.question, scope, k=PASSAGES)
        citations = answer.citations if answer else []
        canonical = [await _stands(service, citation, scope, texts) for citation in citations]
    except Exception as failure:  # noqa: BLE001 - as above
        error = error or f"search: {_describe(failure)}"
        canonical = [None] * len(answer.citations if answer else [])
    return Asked(question, answer, passages, canonical, wall_ms, error)


async def _stands(
    service: Service, citation: Citation, scope: Scope, texts: dict[str, str | None]
) -> str | None:
    """What stands at a citation's span; None when there is no such document or span."""
    key = citation.document_id
    if key not in texts:
        with contextlib.suppress(NotFoundError):
            texts[key] = await service.text(key, scope)
    text = texts.setdefault(key, None)
    if text is None or not 0 <= citation.start < citation.end <= len(text):
        return None
    return text[citation.start : citation.end]


def _describe(failure: Exception) -> str:
    """A line fit for a report: our own errors may be shown, of others only the kind."""
    if isinstance(failure, FootnoteError):
        return failure.message
    log.error("evaluation.failed", exc_info=failure)
    return f"unexpected {type(failure).__name__}"
