"""Two reports side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from eval.report import Report, Row
from eval.tables import NODE, change, number


def compare_rows(before: Report, after: Report) -> list[list[str]]:
    """Metric, its value in each, and the difference."""
    names = dict.fromkeys([*before.scores, *after.scores])
    rows: list[list[str]] = []
    for name in names:
        if name.startswith(NODE):
            continue
        old, new = before.scores.get(name), after.scores.get(name)
        rows.append(
            [
                name,
                number(old.value if old else None),
                number(new.value if new else None),
                change(new, old) if new else "–",
            ]
        )
    return rows


def remarks(before: Report, after: Report) -> Iterator[str]:
    """What a reader of the differences has to know."""
    if before.metadata.dataset_sha256 != after.metadata.dataset_sha256:
        yield "the reports are of different datasets: the differences say little"
    changed = list(_changed_settings(before, after))
    if changed:
        yield f"different settings: {', '.join(changed)}"
    for verb, ids in (
        ("newly wrong", turned(before.rows, after.rows, to=0.0)),
        ("newly right", turned(before.rows, after.rows, to=1.0)),
    ):
        if ids:
            yield f"{verb}: {', '.join(ids)}"


def turned(before: Sequence[Row], after: Sequence[Row], *, to: float) -> list[str]:
    """Ids of questions whose answer became right (1) or wrong (0)."""
    old = {row.id: _right(row) for row in before}
    return [r.id for r in after if _right(r) == to and old.get(r.id) == 1 - to]


def _right(row: Row) -> float | None:
    """1 for what was wanted: a right answer, or an abstention where there is none."""
    metric = "answer_contains" if row.answerable else "abstained_unanswerable"
    measure = row.measures.get(metric)
    return measure.value if measure else None


def _changed_settings(before: Report, after: Report) -> Iterator[str]:
    for section, values in after.metadata.settings.items():
        old = before.metadata.settings.get(section, {})
        for key, value in values.items():
            if key not in old or old[key] != value:
                yield f"{section}.{key}: {old.get(key)} → {value}"
