"""A progress bar for long work."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator

from app.cli.console import one_line

Progress = Callable[[int, int, str], None]
"""Told the steps done, the steps in all, and the step just finished."""


@contextlib.contextmanager
def progress_bar() -> Iterator[Progress | None]:
    """A bar on stderr, when that is a terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar

    bar = Bar(
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[step]}", markup=False),
        console=Console(stderr=True),
        transient=True,
    )
    with bar:
        task = bar.add_task("work", total=None, step="")

        def advance(done: int, total: int, step: str) -> None:
            bar.update(task, completed=done, total=total, step=one_line(step))

        yield advance
