"""`footnote eval`: suites, runs and comparisons. `app.cli.evaluation` looks this up."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli import options
from app.cli.console import note, one_line, say, write_table
from app.cli.failures import FAILED
from app.cli.progress import progress_bar
from app.cli.session import clean_stdout, run_async

if TYPE_CHECKING:
    from eval.report import Report
    from eval.runner import Open

app = typer.Typer(help="Run evaluation suites and gates.", rich_markup_mode=None)


@app.command("list")
def list_all() -> None:
    """List the suites that come along."""
    from eval.suite import list_suites

    rows = [[suite.name, suite.dataset, suite.description] for suite in list_suites()]
    write_table(["suite", "dataset", "what it checks"], rows)


@app.command()
def run(
    suite: Annotated[str, typer.Argument(metavar="SUITE", help="A suite's name, or a YAML file.")],
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Folder of the report.")
    ] = None,
    baseline: Annotated[
        Path | None,
        typer.Option("--baseline", metavar="FILE", help="An earlier report to compare with."),
    ] = None,
    set_: Annotated[
        list[str],
        typer.Option(
            "--set", metavar="K=V", help="A setting to try: reranking.model=none; repeatable."
        ),
    ] = [],  # noqa: B006 - typer reads it, nobody changes it
) -> None:
    """Run a suite; fails when one of its gates does not hold."""
    if not run_suite(suite, out=out, baseline=baseline, changes=parse_changes(set_)):
        raise typer.Exit(FAILED)


@app.command()
def compare(
    before: Annotated[Path, typer.Argument(metavar="A", help="The earlier report.")],
    after: Annotated[Path, typer.Argument(metavar="B", help="The later report.")],
) -> None:
    """Compare two reports; fails when a gate of B does not hold."""
    from eval.compare import compare_rows, remarks
    from eval.report import read_report

    old, new = read_report(before), read_report(after)
    write_table(["metric", "A#", "B#", "B - A#"], compare_rows(old, new))
    for remark in remarks(old, new):
        say(remark)
    _show_gates(new)
    if not new.held:
        raise typer.Exit(FAILED)


def run_suite(
    suite: str,
    *,
    out: Path | None = None,
    baseline: Path | None = None,
    changes: dict[str, dict[str, Any]] | None = None,
    open_service: Open | None = None,
) -> bool:
    """Run, write the report and show its summary; returns whether every gate holds.

    Args:
        suite: A name or a file.
        out: Folder of the report.
        baseline: An earlier report.
        changes: Settings to try: section → key → value.
        open_service: Makes the service under test, in place of the real one.
    """
    from app.cli.logs import set_up_logs
    from app.core.settings import load_settings

    set_up_logs(load_settings().log)
    from app.wiring import open_footnote  # heavy: only once the settings are known to be good
    from eval.evaluate import evaluate, make_folder, make_plan, write
    from eval.report import read_report

    before = read_report(baseline) if baseline else None
    plan = make_plan(suite, changes)
    folder = make_folder(out, plan.suite)
    with clean_stdout(wanted=True), progress_bar() as progress:
        report = run_async(
            evaluate(plan, open_service=open_service or open_footnote, progress=progress)
        )
        write(report, folder, before)
    _show(report, before)
    say(f"report: {folder / 'report.md'}")
    return report.held


def parse_changes(words: list[str]) -> dict[str, dict[str, Any]]:
    """`SECTION.KEY=VALUE` words as settings; a value is read as YAML reads it.

    Raises:
        typer.BadParameter: A word is not of that form.
    """
    import yaml

    changes: dict[str, dict[str, Any]] = {}
    for name, text in options.pairs(words, "--set"):
        section, dot, key = name.partition(".")
        if not (section and dot and key):
            raise typer.BadParameter(f"{name!r} is not SECTION.KEY", param_hint="--set")
        try:
            changes.setdefault(section, {})[key] = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise typer.BadParameter(f"{text!r} is no value", param_hint="--set") from error
    return changes


def _show(report: Report, baseline: Report | None) -> None:
    from eval.tables import score_rows

    change = ["change#"] if baseline else []
    write_table(["metric", "value#", "of#", "undetermined#", *change], score_rows(report, baseline))
    for remark in report.notes:
        note(f"note: {one_line(remark)}")
    for failure in report.failures:
        note(f"error: {one_line(failure.source)}: {one_line(failure.error)}")
    _show_gates(report)


def _show_gates(report: Report) -> None:
    from eval.tables import gate_rows

    write_table(["gate", "bound", "value#", ""], gate_rows(report.gates))
    failed = [gate.metric for gate in report.gates if not gate.held]
    say(f"gates do not hold: {', '.join(failed)}" if failed else "every gate holds")
