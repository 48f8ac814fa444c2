"""`footnote index`: the index as a whole."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from app.cli import options
from app.cli.console import count, note, say, write_json, write_table
from app.cli.progress import Progress, progress_bar
from app.cli.session import clean_stdout, run_async
from app.core.errors import LockedError

if TYPE_CHECKING:
    from app.core.exchange import IndexReport, RebuildReport, TransferReport
    from app.index import Index

T = TypeVar("T")

app = typer.Typer(help="Look at, rebuild or move the whole index.", rich_markup_mode=None)
IndexFile = Annotated[
    Path, typer.Argument(metavar="FILE", help="An index in one file.", dir_okay=False)
]


@app.command()
def info(as_json: options.AsJson = False) -> None:
    """Show what the index holds and what it was made with."""

    async def work(index: Index) -> IndexReport:
        return await index.info()

    with clean_stdout(as_json):
        report = _use_index(work)
    if as_json:
        write_json(asdict(report))
        return
    say(f"location:   {report.location}")
    say(f"documents:  {report.documents}")
    say(f"chunks:     {report.chunks}")
    if report.size_bytes is not None:
        say(f"on disk:    {report.size_bytes / 1e6:.1f} MB")
    say(f"languages:  {_counted(report)}")
    say("made with:  " + ", ".join(f"{k} {v}" for k, v in report.fingerprint.items()))
    if report.tenants:
        rows = [[tenant, c.documents, c.chunks] for tenant, c in report.tenants.items()]
        write_table(["tenant", "documents#", "chunks#"], rows)
    if report.differs:
        changed = ", ".join(report.differs)
        note(f"the settings have another {changed} now; run `footnote index rebuild`")


@app.command()
def rebuild(as_json: options.AsJson = False) -> None:
    """Make the index anew with the present settings, beside the old one, then swap them."""

    async def work(index: Index) -> RebuildReport:
        with progress_bar() as progress:
            return await index.rebuild(progress)

    with clean_stdout(as_json), _say_what_stands():
        report = _use_index(work)
    if as_json:
        write_json(asdict(report))
        return
    say(
        f"{count(report.documents, 'document')}, {count(report.chunks, 'chunk')} rebuilt, "
        f"{report.embedded} of them embedded, in {report.seconds:.1f} s; "
        f"{report.found} of {report.searches} searches found their document"
    )
    if report.parsed or report.kept:
        note(
            f"{report.parsed} read from their files again; {report.kept} kept their text, "
            "because the file is gone or has changed"
        )


@app.command("export")
def export(file: IndexFile, as_json: options.AsJson = False) -> None:
    """Write all documents of all tenants, vectors included, into one file."""
    _transfer("exported", as_json, lambda index, progress: index.write(file, progress))


@app.command("import")
def import_(
    file: IndexFile,
    merge: Annotated[
        bool, typer.Option("--merge", help="Add to what is there, replacing documents by id.")
    ] = False,
    as_json: options.AsJson = False,
) -> None:
    """Read an exported index into this one, which is empty unless --merge is given."""
    _transfer(
        "imported",
        as_json,
        lambda index, progress: index.read(file, merge=merge, progress=progress),
    )


def _transfer(
    done: str, as_json: bool, move: Callable[[Index, Progress | None], Awaitable[TransferReport]]
) -> None:
    async def work(index: Index) -> TransferReport:
        with progress_bar() as progress:
            return await move(index, progress)

    with clean_stdout(as_json):
        report = _use_index(work)
    if as_json:
        write_json(asdict(report))
        return
    documents, chunks = count(report.documents, "document"), count(report.chunks, "chunk")
    say(f"{documents}, {chunks} {done} in {report.seconds:.1f} s")


def _use_index(work: Callable[[Index], Awaitable[T]]) -> T:
    from app.cli.logs import set_up_logs
    from app.core.settings import load_settings

    settings = load_settings()
    set_up_logs(settings.log)
    from app.wiring import open_index  # heavy: only once the settings are known to be good

    async def task() -> T:
        try:
            async with open_index(settings) as index:
                return await work(index)
        except LockedError as error:
            raise LockedError(
                error.message, hint="stop the server that holds it, then run this again"
            ) from error

    return run_async(task())


def _counted(report: IndexReport) -> str:
    found = sorted(report.languages.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{name or 'unknown'} {n}" for name, n in found) or "none"


@contextlib.contextmanager
def _say_what_stands() -> Iterator[None]:
    """When the user or the system stops the run, say that nothing is broken."""
    try:
        yield
    except (KeyboardInterrupt, SystemExit):
        note("stopped; the old index stays in use")
        raise
