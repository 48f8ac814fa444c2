"""What reaches the terminal: results on stdout, everything else on stderr."""

from __future__ import annotations

import json
import sys
import unicodedata
from collections.abc import Sequence
from typing import Literal

import typer

from app.core.text import Span


def plain(text: str) -> str:
    """The text without control characters, so that a document cannot steer the terminal."""
    return "".join(c for c in text if c in "\n\t" or unicodedata.category(c) != "Cc")


def one_line(text: str) -> str:
    """The text on one line."""
    return " ".join(plain(text).split())


def shorten(text: str, length: int) -> str:
    """The beginning of a text, on one line."""
    line = one_line(text)
    return line if len(line) <= length else line[: length - 1].rstrip() + "…"


def count(number: int, noun: str) -> str:
    """`1 chunk`, `2 chunks`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def say(text: str = "", *, end: str = "\n", bold: Span | None = None) -> None:
    """Write to stdout at once, on a terminal with some of its characters in bold."""
    first = bold or Span(0, 0)
    before, inner, after = text[: first.start], text[first.start : first.end], text[first.end :]
    clear = typer.style(plain(inner), bold=True) if inner else ""
    typer.echo(plain(before) + clear + plain(after) + end, nl=False)


def note(text: str) -> None:
    """Write a line to stderr."""
    typer.echo(plain(text), err=True)


def write_json(value: object) -> None:
    """Write the one JSON document of a `--json` run."""
    utf8 = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    typer.echo(json.dumps(value, ensure_ascii=not utf8, indent=2))


def write_table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Write a table to stdout. A column whose name ends in `#` holds numbers, the column
    `id` is never broken, and a cell may have several lines.
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text  # Text, not str: a title may look like rich's markup

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in columns:
        numeric = name.endswith("#")
        justify: Literal["right", "left"] = "right" if numeric else "left"
        table.add_column(
            name.removesuffix("#"), justify=justify, overflow="fold", no_wrap=name == "id"
        )
    for row in rows:
        table.add_row(*(Text(_lines(cell)) for cell in row))
    width = None if sys.stdout.isatty() else 160
    console = Console(width=width, highlight=False)
    with console.capture() as drawn:
        console.print(table)
    typer.echo("\n".join(line.rstrip() for line in drawn.get().strip("\n").splitlines()))


def heading_below(title: str, heading: str) -> str:
    """The heading path without the document's title, which it often begins with."""
    return "" if heading == title else heading.removeprefix(f"{title} > ")


def _lines(cell: object) -> str:
    return "\n".join(one_line(line) for line in str(cell).split("\n"))
