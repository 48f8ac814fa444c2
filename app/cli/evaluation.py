"""`footnote eval`: the commands of `eval.cli`, looked up when they are called.

Nothing may import `eval`, which stands above the doors: the service must run without it
and its heavy extra. The command line only hands over, so it looks the module up by name,
and only for `footnote eval …`.
"""

from __future__ import annotations

import importlib
from typing import Any

import typer
from typer.core import TyperGroup

from app.core.errors import ConfigError

MODULE = "eval.cli"


class EvaluationGroup(TyperGroup):
    """A group whose commands are those of `eval.cli.app`."""

    def list_commands(self, ctx: Any) -> list[str]:
        """The names of the commands; none where the evaluation is not installed."""
        try:
            return _commands().list_commands(ctx)
        except ConfigError:
            return []

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of that name, or None."""
        return _commands().get_command(ctx, cmd_name)


app = typer.Typer(
    cls=EvaluationGroup, help="Run evaluation suites and gates.", rich_markup_mode=None
)


@app.callback()
def _group() -> None:
    """Run evaluation suites and gates."""


def _commands() -> TyperGroup:
    try:
        module = importlib.import_module(MODULE)
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"the evaluation cannot run without {error.name}",
            hint="install it: pip install 'footnote-rag[eval]'",
        ) from error
    commands = typer.main.get_command(module.app)
    if not isinstance(commands, TyperGroup):  # typer makes a lone command of a lone function
        raise TypeError(f"{MODULE}.app is not a group of commands")
    return commands
