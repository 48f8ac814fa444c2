"""From a suite to a report on disk: what `footnote eval run` does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from app.core.errors import ConfigError
from app.wiring import open_footnote
from eval.datasets import Dataset, load_dataset
from eval.markdown import render
from eval.metadata import collect
from eval.plots import draw
from eval.ragas_process import RagasScores, ragas_scores
from eval.report import FILE, Report, make_report
from eval.runner import Open, Progress, run, settings_for
from eval.suite import Suite, load_suite

Changes = Mapping[str, Mapping[str, Any]]
"""Settings to try: section → key → value."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A suite whose every part has been checked, before anything is made or spent."""

    suite: Suite
    dataset: Dataset
    changes: Changes = field(default_factory=dict)


def make_plan(suite_name: str, changes: Changes | None = None) -> Plan:
    """Read a suite and its dataset, and try its settings.

    Raises:
        ConfigError: Something is missing, unknown or bad; the message names it.
    """
    suite, folder = load_suite(suite_name)
    plan = Plan(suite, load_dataset(suite.dataset, suite.ingest, folder), changes or {})
    settings_for(suite, Path(), plan.changes)
    return plan


async def evaluate(
    plan: Plan, *, open_service: Open = open_footnote, progress: Progress | None = None
) -> Report:
    """Run a suite and compute its report."""
    started = datetime.now(UTC)
    suite, dataset = plan.suite, plan.dataset
    ran = await run(
        suite, dataset, changes=plan.changes, open_service=open_service, progress=progress
    )
    ragas = RagasScores()
    if suite.ragas:
        ragas = await ragas_scores(suite.ragas, ran.outcome.asked, ran.settings)
    return make_report(suite, ran, ragas, collect(dataset, ran, ragas, started))


def make_folder(out: Path | None, suite: Suite) -> Path:
    """The report's folder, made before the work: `reports/<suite>-<time>` by default.

    Raises:
        ConfigError: It cannot be made.
    """
    folder = out or Path("reports") / f"{suite.name}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise ConfigError(f"{folder} cannot be made: {why}", hint="choose another --out") from error
    return folder


def write(report: Report, folder: Path, baseline: Report | None = None) -> None:
    """Write `report.json`, `report.md` and the pictures."""
    (folder / FILE).write_text(report.model_dump_json(indent=1) + "\n", encoding="utf-8")
    page = render(report, draw(report, folder), baseline)
    (folder / "report.md").write_text(page, encoding="utf-8")
