"""`python -m app.cli.docs [--check]`: the parts of README.md that are written by the code.

A part stands between `<!-- generated: NAME -->` and `<!-- end -->`. `--check` changes
nothing and exits with 1, naming the parts that are stale.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import SecretStr
from typer.core import TyperGroup

from app.cli.console import note, say
from app.cli.failures import FAILED, report
from app.core.errors import ConfigError

README = Path(__file__).parents[2] / "README.md"
PART = re.compile(
    r"(?P<open><!-- generated: (?P<name>[a-z]+) -->\n).*?(?P<close><!-- end -->)", re.DOTALL
)
WIDTH = 88


def main(
    check: Annotated[bool, typer.Option("--check", help="Only say what is stale.")] = False,
    readme: Annotated[Path, typer.Option("--readme", help="The file to fill.")] = README,
) -> None:
    """Fill the generated parts of README.md."""
    old = readme.read_text("utf-8")
    stale: list[str] = []

    def fill(part: re.Match[str]) -> str:
        new = f"{part['open']}{_write(part['name'])}\n{part['close']}"
        if new != part[0]:
            stale.append(part["name"])
        return new

    new = PART.sub(fill, old)
    if not stale:
        say(f"{readme.name} is up to date")
    elif check:
        note(f"error: {readme.name}: stale: {', '.join(stale)}; run python -m app.cli.docs")
        raise typer.Exit(FAILED)
    else:
        readme.write_text(new, "utf-8")
        say(f"{readme.name}: wrote {', '.join(stale)}")


def settings_table() -> str:
    """Every setting, its default and what it means."""
    from app.core.settings import setting_names

    rows = [
        f"| `{name}` | {_default(default)} | {_cell(description)} |"
        for name, description, default in setting_names()
    ]
    return "\n".join(["| setting | default | what it does |", "|---|---|---|", *rows])


def cli_help() -> str:
    """The help of every command."""
    from app.cli.main import app

    pages = _help_pages(typer.main.get_command(app), "footnote")
    return "\n\n".join(f"```\n{page}\n```" for page in pages)


def graph_drawing() -> str:
    """The state machine as Mermaid, drawn from the compiled graph."""
    from graphs.graph import build_graph

    drawing = build_graph().compile().get_graph().draw_mermaid()
    return f"```mermaid\n{drawing.strip()}\n```"


WRITERS = {"settings": settings_table, "cli": cli_help, "graph": graph_drawing}


def _write(name: str) -> str:
    if name not in WRITERS:
        raise ConfigError(f"README.md asks for an unknown part {name}")
    return WRITERS[name]()


def _default(value: Any) -> str:
    if value is None or isinstance(value, SecretStr):
        return ""
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return f"`{_cell(text)}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _help_pages(command: Any, path: str, parent: Any = None) -> Iterator[str]:
    context = typer.Context(
        command, info_name=path.split()[-1], parent=parent, terminal_width=WIDTH
    )
    yield re.sub(r"[ \t]+$", "", command.get_help(context), flags=re.MULTILINE).strip()
    if isinstance(command, TyperGroup):
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            if inner is not None and not inner.hidden:
                yield from _help_pages(inner, f"{path} {name}", context)


def run() -> int:
    """Run the command line of this module; returns its exit status."""
    app = typer.Typer(add_completion=False, rich_markup_mode=None)
    app.command()(main)
    try:
        status = typer.main.get_command(app).main(standalone_mode=False)
    except Exception as error:  # noqa: BLE001 - the door: every error becomes one line
        return report(error)
    return status if isinstance(status, int) else 0


if __name__ == "__main__":
    sys.exit(run())
