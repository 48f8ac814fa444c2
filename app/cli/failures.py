"""Errors to one line on stderr and an exit status; the only place that decides either."""

from __future__ import annotations

import typer
from typer.exceptions import TyperException

from app.cli.console import note, one_line
from app.core.errors import ConfigError, FootnoteError

FAILED = 1
MISUSED = 2
INTERRUPTED = 130
TERMINATED = 143


def report(error: Exception) -> int:
    """Say what went wrong and what to do; returns the exit status."""
    match error:
        case FootnoteError():
            note(f"error: {one_line(str(error))}")
            return MISUSED if isinstance(error, ConfigError) else FAILED
        case TyperException():
            return _misuse(error)
        case typer.Abort():
            note("error: the input ended too early")
            return FAILED
        case _:
            kind = type(error).__name__
            note(f"error: internal error ({kind}); run again with --debug for the traceback")
            return FAILED


def _misuse(error: TyperException) -> int:
    message = error.format_message()
    if message.startswith("Usage:"):  # no arguments at all: the message is the help
        note(message)
        return error.exit_code
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "footnote"
    message = one_line(message).removesuffix(".")
    note(f"error: {message[:1].lower()}{message[1:]}; see `{command} --help`")
    return error.exit_code
