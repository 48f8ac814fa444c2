"""Rows that the terminal and the Markdown report show alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from eval.gates import Gate
from eval.metrics.score import Score
from eval.report import Report

Cells = list[str]

NODE = "latency."
"""What the names of metrics of a single node begin with."""


def number(value: float | None, *, signed: bool = False) -> str:
    """A value, short; `–` for none."""
    if value is None:
        return "–"
    if value == 0:
        return "0"
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 4
    text = f"{value:{'+' if signed else ''}.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def score_rows(report: Report, baseline: Report | None = None) -> list[Cells]:
    """Metric, value, of how many, undetermined, and the change where there is a baseline."""
    rows: list[Cells] = []
    for name, score in report.scores.items():
        if name.startswith(NODE):
            continue
        row = [name, number(score.value), str(score.count), str(score.undetermined)]
        rows.append(row if baseline is None else [*row, change(score, baseline.scores.get(name))])
    return rows


def change(score: Score, before: Score | None) -> str:
    """The signed difference to a baseline, `–` where either has no value."""
    if score.value is None or before is None or before.value is None:
        return "–"
    return number(score.value - before.value, signed=True)


def gate_rows(gates: Sequence[Gate]) -> list[Cells]:
    """Metric, bound, value, and whether it holds or why not."""
    return [
        [gate.metric, gate.bound, number(gate.value), "holds" if gate.held else _failed(gate)]
        for gate in gates
    ]


def latency_rows(scores: Mapping[str, Score]) -> list[Cells]:
    """Node, p50 and p95 in milliseconds, over how many questions; the whole answer first."""
    nodes = dict.fromkeys(
        name.removesuffix("_p50_ms") for name in scores if name.endswith("_p50_ms")
    )
    return [
        [
            node.removeprefix(NODE) if node.startswith(NODE) else "whole answer",
            number(scores[f"{node}_p50_ms"].value),
            number(scores[f"{node}_p95_ms"].value),
            str(scores[f"{node}_p50_ms"].count),
        ]
        for node in nodes
    ]


def kind_rows(report: Report) -> tuple[list[str], list[Cells]]:
    """Columns and rows of the main metrics by kind of question."""
    metrics = [m for m in MAIN if any(m in scores for scores in report.by_kind.values())]
    counts = [sum(row.kind == kind for row in report.rows) for kind in report.by_kind]
    rows = [
        [kind, str(count), *(number(s.value) if (s := scores.get(m)) else "" for m in metrics)]
        for (kind, scores), count in zip(report.by_kind.items(), counts, strict=True)
    ]
    return ["kind", "questions", *metrics], rows


MAIN = (
    "hit@5",
    "mrr@10",
    "answer_contains",
    "token_f1",
    "cited_sentences",
    "abstained_answerable",
    "abstained_unanswerable",
)
"""Metrics that are shown by kind."""


def _failed(gate: Gate) -> str:
    return f"DOES NOT HOLD: {gate.why}"
