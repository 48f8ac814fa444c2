"""Logs of this process, on stderr."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.core.settings import LogSettings


def set_up_logs(settings: LogSettings, *, least: int = logging.WARNING) -> None:
    """Send logs to stderr; structlog's own default is stdout, where results belong.

    Args:
        settings: How much, and for whom. People at a terminal get text in any case.
        least: Nothing below this level, unless debugging is asked for: a command says
            itself what it does, and logs only what is wrong.
    """
    import structlog

    level = logging.getLevelNamesMapping()[settings.level.upper()]
    if level > logging.DEBUG:
        level = max(level, least)
    renderer: list[structlog.typing.Processor]
    if settings.format == "text" or sys.stderr.isatty():
        # A plain traceback: the default one shows local variables, among them secrets.
        plain = structlog.dev.plain_traceback
        renderer = [
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=plain)
        ]
    else:
        renderer = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
