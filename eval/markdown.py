"""The report for people: one Markdown page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from eval.report import Report, Row
from eval.tables import gate_rows, kind_rows, latency_rows, number, score_rows

_WORST = 20
_LONGEST = 400


def render(report: Report, plots: Sequence[str] = (), baseline: Report | None = None) -> str:
    """The page.

    Args:
        report: What to show.
        plots: File names of pictures beside the page.
        baseline: An earlier run; adds a column of differences.
    """
    verdict = "every gate holds" if report.held else "**a gate does not hold**"
    change = [] if baseline is None else ["change"]
    sections = [
        f"# {report.suite}: {verdict}",
        _about(report, baseline),
        "## Gates",
        table(["metric", "bound", "value", ""], gate_rows(report.gates)),
        "## Scores",
        table(["metric", "value", "of", "undetermined", *change], score_rows(report, baseline)),
        "\n".join(f"- {escape(note)}" for note in report.notes),
        "## By kind of question",
        table(*kind_rows(report)),
        "\n".join(f"![{name.removesuffix('.png')}]({name})" for name in plots),
        "## Latency, ms",
        table(["node", "p50", "p95", "questions"], latency_rows(report.scores)),
        "## Worst questions",
        "\n\n".join(_question(row) for row in worst(report.rows)) or "None: all are right.",
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def worst(rows: Iterable[Row]) -> list[Row]:
    """What failed, then unanswerable questions that were answered, then wrong answers."""
    ranked = [(rank, row) for row in rows if (rank := _badness(row)) is not None]
    return [row for _, row in sorted(ranked, key=lambda pair: pair[0])][:_WORST]


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [list(columns), ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(escape(cell) for cell in line)} |" for line in lines)


def escape(text: str) -> str:
    """Text on one line that Markdown and HTML leave alone."""
    text = " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;")
    for mark in "\\`*_[]|":
        text = text.replace(mark, f"\\{mark}")
    return text


def _about(report: Report, baseline: Report | None) -> str:
    about = report.metadata
    models = ", ".join(f"{part} {name or 'none'}" for part, name in about.models.items())
    lines = [
        f"{about.started:%Y-%m-%d %H:%M} UTC, {about.seconds:.0f} s, {about.machine}, "
        f"Footnote {about.versions['footnote']}, commit {about.commit[:12] or 'unknown'}",
        f"Dataset {about.dataset}: {about.questions} questions, {about.documents} documents, "
        f"{about.chunks} chunks, sha256 {about.dataset_sha256[:12]}",
        f"Models: {models}",
    ]
    lines += [f"NOT INGESTED: {f.source}: {f.error}" for f in report.failures]
    if baseline:
        before = baseline.metadata
        lines.append(f"Change: against the run of {before.started:%Y-%m-%d %H:%M} UTC")
        if before.dataset_sha256 != about.dataset_sha256:
            lines.append("The baseline is of another dataset: the change says little")
    return "\n".join(f"- {escape(line)}" for line in lines)


def _badness(row: Row) -> tuple[int, float] | None:
    """Where a row stands among the worst; None when there is nothing to complain of."""
    found = row.measures.get("token_f1")
    f1 = (found.value if found else None) or 0.0
    if row.error:
        return 0, 0.0
    if not row.answerable:
        refused = row.answer is not None and row.answer.status == "abstained"
        return None if refused else (1, 0.0)
    right = row.measures.get("answer_contains")
    return None if right is None or right.value == 1 else (2, f1)


def _question(row: Row) -> str:
    wanted = " or ".join(row.expected) if row.answerable else "an abstention"
    said = row.error or (row.answer.answer if row.answer else "")
    status = "failed" if row.answer is None else row.answer.status.value
    lines = [
        f"**{row.id}** ({escape(row.kind)}) {escape(row.question)}",
        f"- wanted: {escape(wanted)}",
        f"- {status}: {escape(said[:_LONGEST])}",
    ]
    if row.documents:
        lines.append(f"- documents: {escape(', '.join(row.documents))}")
    lines.append(f"- found: {escape(', '.join(row.found[:5])) or 'nothing'}")
    lines.append(f"- {number(row.wall_ms)} ms")
    return "\n".join(lines)
