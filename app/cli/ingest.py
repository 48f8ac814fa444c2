"""`footnote ingest`: documents into the index."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli import options
from app.cli.console import count, note, one_line, say, write_json
from app.cli.failures import FAILED
from app.cli.progress import progress_bar
from app.cli.session import clean_stdout, use_footnote
from app.core.errors import ConfigError

if TYPE_CHECKING:
    from app.core.exchange import IngestReport
    from app.service import Footnote


class Engine(StrEnum):
    """Where the work runs."""

    LOCAL = "local"
    RAY = "ray"


def ingest(
    paths: Annotated[
        list[Path], typer.Argument(metavar="PATH", help="Files, folders (walked) or globs.")
    ],
    tenant: options.Tenant = options.DEFAULT_TENANT,
    tag: Annotated[
        list[str], typer.Option("--tag", metavar="K=V", help="Tag of every document; repeatable.")
    ] = [],  # noqa: B006 - typer reads it, nobody changes it
    sync: Annotated[
        bool, typer.Option("--sync", help="Also remove documents that are gone from the paths.")
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", help="Let --sync remove more than half of the documents.")
    ] = False,
    engine: Annotated[
        Engine, typer.Option("--engine", help="Where the work is done: here, or on a cluster.")
    ] = Engine.LOCAL,
    address: Annotated[
        str | None,
        typer.Option("--address", metavar="ADDR", help="Of the Ray cluster: auto or HOST:PORT."),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            "--workers", metavar="N", min=1, help="Processes that read files; on Ray, workers."
        ),
    ] = None,
    as_json: options.AsJson = False,
) -> None:
    """Add documents to the index; what has not changed is skipped."""
    if address and engine is not Engine.RAY:
        raise ConfigError("--address is of a Ray cluster", hint="add --engine ray")
    cluster = (address or "auto") if engine is Engine.RAY else ""
    tags = options.tags(tag)

    where = ""

    async def work(footnote: Footnote) -> IngestReport:
        nonlocal where
        where = _where(footnote)
        with progress_bar() as progress:
            return await footnote.ingest(
                paths,
                tenant=tenant,
                tags=tags,
                sync=sync,
                yes=yes,
                workers=workers or 0,
                address=cluster,
                progress=progress,
            )

    from app.core.exchange import Report

    with clean_stdout(as_json), _say_how_to_go_on(lambda: where):
        report = use_footnote(work)
    write_json(Report.of(report).model_dump(mode="json")) if as_json else say(summary(report))
    for failure in report.failures:
        reason = f"{failure.error}; {failure.hint}" if failure.hint else failure.error
        note(f"error: {one_line(failure.source)}: {one_line(reason)}")
    if report.failures:
        raise typer.Exit(FAILED)


def summary(report: IngestReport) -> str:
    """The report in one line."""
    extra = "".join(
        f", {number} {what}"
        for number, what in (
            (report.shared, "with the content of another"),
            (report.skipped, "skipped as near-duplicates"),
            (report.flagged, "flagged"),
        )
        if number
    )
    return (
        f"{report.added} added, {report.updated} updated, {report.unchanged} unchanged, "
        f"{report.deleted} deleted, {len(report.failures)} failed{extra}: "
        f"{count(report.chunks, 'chunk')} in {report.seconds:.1f} s"
    )


def _where(footnote: object) -> str:
    """Where the work is done, unless it is here."""
    from app.cli.remote import RemoteFootnote

    return " on the server" if isinstance(footnote, RemoteFootnote) else ""


@contextlib.contextmanager
def _say_how_to_go_on(where: Callable[[], str]) -> Iterator[None]:
    """When the user or the system stops the run, say that nothing is broken."""
    try:
        yield
    except (KeyboardInterrupt, SystemExit):
        note(f"stopped{where()}; finished documents are kept, run the same command again to go on")
        raise
