"""`footnote models`: the models in use."""

from __future__ import annotations

import typer

from app.cli import models_train

app = typer.Typer(help="Look at the models in use, check or train them.", rich_markup_mode=None)
models_train.register(app)
