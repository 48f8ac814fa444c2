"""`footnote prompts`: the versioned prompt files."""

from __future__ import annotations

from typing import Annotated

import typer

from app.cli.console import say, write_table

app = typer.Typer(help="List, show or check the prompts.", rich_markup_mode=None)


@app.command("list")
def list_prompts() -> None:
    """List the prompts and the version of each that is served."""
    from prompts import PromptRegistry

    registry = PromptRegistry.load()
    rows = [
        [name, version, ", ".join(registry.versions(name)), registry.get(name).description]
        for name, version in sorted(registry.active.items())
    ]
    write_table(["prompt", "served", "versions", "what it does"], rows)


@app.command()
def show(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The prompt's name.")],
    version: Annotated[
        str | None,
        typer.Option("--version", metavar="V", help="Another version than the served one."),
    ] = None,
) -> None:
    """Show a prompt: its variables and both templates."""
    from prompts import PromptRegistry

    prompt = PromptRegistry.load().get(name, version)
    say(f"{prompt.name} {prompt.version}: {prompt.description}")
    for variable, meaning in prompt.variables.items():
        say(f"  {variable}: {meaning}")
    say(f"\n--- system\n{prompt.system.rstrip()}\n\n--- user\n{prompt.user.rstrip()}")


@app.command()
def check() -> None:
    """Check every prompt file."""
    from prompts import PromptRegistry

    say(f"{len(PromptRegistry.load().active)} prompts, all valid")
