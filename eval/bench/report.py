"""Outcomes to a table, a JSON file and a Markdown file."""

from __future__ import annotations

import json
from collections.abc import Container, Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from eval.bench.result import Outcome, Row

_HEADER = ["benchmark", "what", "unit", "Footnote", "other", "times better"]


def text(outcomes: Sequence[Outcome]) -> str:
    """The table, the bars and the notes, as Markdown that also reads well in a terminal."""
    return "\n".join(_lines(outcomes, ()))


def write(
    folder: Path,
    outcomes: Sequence[Outcome],
    machine: dict[str, Any],
    drawn: Container[str] = (),
) -> None:
    """`bench.json` and `bench.md` in `folder`, which is there.

    Args:
        drawn: Files of pictures that lie there.
    """
    found = [asdict(outcome) | {"holds": outcome.holds} for outcome in outcomes]
    record = {"machine": machine, "benchmarks": found}
    (folder / "bench.json").write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    page = ["# Bench", "", *_about(machine), "", *_lines(outcomes, drawn), ""]
    (folder / "bench.md").write_text("\n".join(page), encoding="utf-8")


def number(value: float) -> str:
    """Three digits that matter."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _lines(outcomes: Sequence[Outcome], drawn: Container[str]) -> list[str]:
    rows = [_cells(outcome.name, row) for outcome in outcomes for row in outcome.rows]
    lines = table(_HEADER, rows) if rows else []
    for outcome in outcomes:
        lines += ["", f"{outcome.name}: {_subject(outcome)}"]
        lines += [f"- {entry}" for entry in (*outcome.bars, *outcome.notes)]
        for found in outcome.tables:
            lines += ["", found.title, "", *table(found.header, found.rows)]
        for picture in outcome.pictures:
            if picture.file in drawn:
                lines += ["", f"![{picture.title}]({picture.file})"]
    return lines


def _cells(name: str, row: Row) -> list[str]:
    other = "" if row.other is None else number(row.other)
    ratio = "" if row.ratio is None else f"{number(row.ratio)}×"
    return [name, row.what, row.unit, number(row.ours), other, ratio]


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Lines of a Markdown table."""
    cells = [header, *rows]
    widths = [max(len(row[column]) for row in cells) for column in range(len(header))]
    lines = ["| " + " | ".join(map(str.ljust, row, widths)) + " |" for row in cells]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return [lines[0], rule, *lines[1:]]


def _subject(outcome: Outcome) -> str:
    if outcome.failed:
        return "FAILED"
    return f"{outcome.ours}; other: {outcome.other}" if outcome.ours else "skipped"


def _about(machine: dict[str, Any]) -> list[str]:
    versions = ", ".join(f"{name} {found}" for name, found in machine["versions"].items() if found)
    return [
        f"{machine['date']}, {machine['cores']} cores ({machine['cpu']}), "
        f"{machine['memory_gb']} GB, load {machine['load']} at the start, {machine['system']}, "
        f"Python {machine['python']}",
        "",
        versions,
    ]
