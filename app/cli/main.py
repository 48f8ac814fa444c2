"""The console entry `footnote`.

Importing this module must stay cheap: a command imports what it needs when it runs.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Sequence
from typing import Annotated

import typer

from app import __version__
from app.cli import documents, evaluation, index, models, prompts
from app.cli.ask import ask
from app.cli.console import say
from app.cli.doctor import doctor
from app.cli.failures import INTERRUPTED, report
from app.cli.ingest import ingest
from app.cli.search import search
from app.cli.serve import serve
from app.cli.why_not import why_not

app = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode=None)
app.command()(ingest)
app.command()(ask)
app.command()(search)
app.command()(why_not)
app.command()(serve)
app.command()(doctor)
app.add_typer(documents.app, name="documents")
app.add_typer(index.app, name="index")
app.add_typer(models.app, name="models")
app.add_typer(prompts.app, name="prompts")
app.add_typer(models.app, name="models")
app.add_typer(evaluation.app, name="eval")


def _show_version(wanted: bool) -> None:
    if wanted:
        say(f"footnote {__version__}")
        raise typer.Exit


@app.callback()
def footnote(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Answers from your own documents, every sentence proved."""


def run(arguments: Sequence[str] | None = None) -> int:
    """Run a command line; returns its exit status."""
    words, debug = _take_debug(sys.argv[1:] if arguments is None else arguments)
    for stream in (sys.stdout, sys.stderr):  # a file name or a locale must not stop the output
        if reconfigure := getattr(stream, "reconfigure", None):
            reconfigure(errors="backslashreplace")
    try:
        status = typer.main.get_command(app).main(words, "footnote", standalone_mode=False)
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception as error:  # noqa: BLE001 - the door: every error becomes one line
        if debug:
            traceback.print_exc()
        return report(error)
    return status if isinstance(status, int) else 0


def _take_debug(arguments: Sequence[str]) -> tuple[list[str], bool]:
    """`--debug` may stand anywhere before a `--`, because it is added in hindsight."""
    words = list(arguments)
    end = words.index("--") if "--" in words else len(words)
    rest = [word for word in words[:end] if word != "--debug"]
    return rest + words[end:], len(rest) < end


if __name__ == "__main__":
    sys.exit(run())
