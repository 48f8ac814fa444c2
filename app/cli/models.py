"""`footnote models`: the models in use, whether they work, and their training."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from app.cli import models_train, options
from app.cli.console import one_line, say, write_json, write_table
from app.cli.failures import FAILED
from app.cli.session import clean_stdout, run_async

if TYPE_CHECKING:
    from app.cli.model_cards import ModelCard
    from app.cli.model_checks import Checked

app = typer.Typer(help="Look at the models in use, check or train them.", rich_markup_mode=None)
models_train.register(app)
MARKS = {"ok": "✓", "off": "–", "problem": "✗"}


@app.command("list")
def list_models(as_json: options.AsJson = False) -> None:
    """List the model of each role; loads and calls none."""
    from app.cli.model_cards import cards
    from app.core.settings import load_settings

    with clean_stdout(as_json):
        found = cards(load_settings())
    if as_json:
        write_json([asdict(card) for card in found])
        return
    columns = ["role", "model", "kind", "on disk#", "dimensions#", "reads tokens#", "licence"]
    write_table(columns, [_row(card) for card in found])


@app.command()
def check(as_json: options.AsJson = False) -> None:
    """Load each model, have it work once and compare it with the index; a chat model is called."""
    import logging

    from app.cli.logs import set_up_logs
    from app.cli.model_checks import examine
    from app.core.settings import load_settings

    settings = load_settings()
    set_up_logs(settings.log, least=logging.CRITICAL)  # the checks say it
    with clean_stdout(as_json):
        checked = run_async(examine(settings))
    ok = all(each.state != "problem" for each in checked)
    if as_json:
        write_json({"ok": ok, "checks": [asdict(each) for each in checked]})
    else:
        for each in checked:
            say(_line(each))
    if not ok:
        raise typer.Exit(FAILED)


def _row(card: ModelCard) -> list[object]:
    cells = [_size(card.size_bytes), card.dimensions, card.max_tokens, card.licence]
    return [card.role, card.name, card.kind, *("–" if cell is None else cell for cell in cells)]


def _size(size: int | None) -> str | None:
    if size is None:
        return None
    return f"{size / 1e6:.1f} MB" if size >= 1e5 else f"{size / 1e3:.1f} kB"


def _line(checked: Checked) -> str:
    name = "" if checked.name in (checked.role, "none") else f" {checked.name}"
    told = [checked.detail, checked.hint] if checked.hint else [checked.detail]
    took = "" if checked.ms is None else f", {checked.ms:.1f} ms a call"
    return one_line(f"{MARKS[checked.state]} {checked.role}{name}: {'; '.join(told)}{took}")
