"""What each process of `footnote serve --workers N` builds."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fastapi import FastAPI


def create() -> FastAPI:
    """The API over a service that opens when the process starts."""
    from app.api.server import create_app
    from app.cli.logs import set_up_logs
    from app.core.settings import load_settings
    from app.wiring import open_footnote

    settings = load_settings()
    set_up_logs(settings.log, least=logging.INFO)
    return create_app(lambda: open_footnote(settings), settings)
