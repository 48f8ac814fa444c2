"""The report of a run: everything by question, in JSON that later runs compare with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePath

from pydantic import BaseModel, ConfigDict, ValidationError

from app.core.errors import ConfigError
from app.core.exchange import Failure
from app.core.types import Answer
from eval.gates import Gate, judge_all
from eval.metadata import Metadata
from eval.metrics import measure, whole
from eval.metrics.retrieval import ranking
from eval.metrics.score import Asked, Measure, Measures, Score, aggregate
from eval.ragas_process import PREFIX, RagasScores
from eval.runner import Ran
from eval.suite import Suite

FILE = "report.json"


class Part(BaseModel):
    """A part of a report."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Row(Part):
    """A question, what came of it, and its measures.

    Args:
        found: File names as retrieval ranked them.
        measures: Metric → (value, weight); a value of null is undetermined.
    """

    id: str
    kind: str
    question: str
    answerable: bool
    expected: list[str]
    documents: list[str]
    found: list[str]
    answer: Answer | None
    wall_ms: float
    error: str
    measures: dict[str, Measure]


class Report(Part):
    """A run, complete."""

    suite: str
    metadata: Metadata
    scores: dict[str, Score]
    by_kind: dict[str, dict[str, Score]]
    gates: list[Gate]
    notes: list[str]
    failures: list[Failure]
    rows: list[Row]

    @property
    def held(self) -> bool:
        """Whether every gate holds."""
        return all(gate.held for gate in self.gates)


def make_report(suite: Suite, ran: Ran, ragas: RagasScores, metadata: Metadata) -> Report:
    """Compute everything from what came out of a run."""
    rows = [_row(asked, suite, ragas) for asked in ran.outcome.asked]
    means = aggregate(row.measures for row in rows)
    scores = {**means, **whole(ran.outcome, suite.metrics), **ragas.absent}
    scores = dict(sorted(scores.items(), key=lambda item: item[0].startswith(PREFIX)))
    return Report(
        suite=suite.name,
        metadata=metadata,
        scores=scores,
        by_kind=_by_kind(rows),
        gates=judge_all(suite.gates, scores),
        notes=ragas.notes,
        failures=[replace(f, source=PurePath(f.source).name) for f in ran.outcome.failures],
        rows=rows,
    )


def read_report(path: Path) -> Report:
    """A report from its JSON file, or from the folder that holds it.

    Raises:
        ConfigError: There is none, or it was written by another version.
    """
    file = path / FILE if path.is_dir() else path
    try:
        return Report.model_validate_json(file.read_bytes())
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ConfigError(f"{file} cannot be read: {reason}", hint="name a report.json") from error
    except ValidationError as error:
        raise ConfigError(
            f"{file} is no report of this version", hint="run the suite again"
        ) from error


def _row(asked: Asked, suite: Suite, ragas: RagasScores) -> Row:
    question = asked.question
    measures: Measures = measure(asked, suite.metrics)
    return Row(
        id=question.id,
        kind=question.kind,
        question=question.question,
        answerable=question.answerable,
        expected=question.expected,
        documents=question.documents,
        found=ranking(asked.passages),
        answer=_portable(asked.answer),
        wall_ms=round(asked.wall_ms, 3),
        error=asked.error,
        measures={**measures, **ragas.measures.get(question.id, {})},
    )


def _portable(answer: Answer | None) -> Answer | None:
    """File names only: where documents lie is the machine's business."""
    if answer is None:
        return None
    citations = [
        citation.model_copy(update={"source": PurePath(citation.source).name})
        for citation in answer.citations
    ]
    return answer.model_copy(update={"citations": citations})


def _by_kind(rows: Sequence[Row]) -> dict[str, dict[str, Score]]:
    kinds: dict[str, list[Mapping[str, Measure]]] = {}
    for row in rows:
        kinds.setdefault(row.kind, []).append(row.measures)
    return {kind: aggregate(measures) for kind, measures in sorted(kinds.items())}
