"""What reaches the terminal: results on stdout, everything else on stderr."""

from __future__ import annotations

import json
import sys
import unicodedata
from collections.abc import Sequence

import typer


def plain(text: str) -> str:
    """The text without control characters, so that a document cannot steer the terminal."""
    return "".join(c for c in text if c in "\n\t" or unicodedata.category(c) != "Cc")


def one_line(text: str) -> str:
    """The text on one line."""
    return " ".join(plain(text).split())


def say(text: str = "", *, end: str = "\n") -> None:
    """Write to stdout at once."""
    typer.echo(plain(text) + end, nl=False)


def note(text: str) -> None:
    """Write a line to stderr."""
    typer.echo(plain(text), err=True)


def write_json(value: object) -> None:
    """Write the one JSON document of a `--json` run."""
    utf8 = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    typer.echo(json.dumps(value, ensure_ascii=not utf8, indent=2))


def write_table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Write a table to stdout; a column whose name ends in `#` holds numbers."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text  # Text, not str: a title may look like rich's markup

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in columns:
        numeric = name.endswith("#")
        table.add_column(name.removesuffix("#"), justify="right" if numeric else "left")
    for row in rows:
        table.add_row(*(Text(one_line("" if cell is None else str(cell))) for cell in row))
    width = None if sys.stdout.isatty() else 160
    Console(width=width, highlight=False).print(table)
