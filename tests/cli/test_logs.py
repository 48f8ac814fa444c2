"""Logs go to stderr, and hold no local variables."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator

import pytest
import structlog

from app.cli.logs import set_up_logs
from app.core.settings import LogSettings


@pytest.fixture(autouse=True)
def put_back() -> Iterator[None]:
    yield
    structlog.reset_defaults()


def _fail(secret: str) -> None:
    raise ValueError("broken")


def _log() -> None:
    log = structlog.get_logger("test")
    log.info("quiet")
    try:
        _fail("hunter" + "2")
    except ValueError:
        log.error("loud", exc_info=True)


def test_logs_are_json_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logs(LogSettings(level="info", format="json"))
    _log()
    out, err = capsys.readouterr()
    assert out == ""
    line = json.loads(err)
    assert (line["event"], line["level"]) == ("loud", "error")
    assert "ValueError: broken" in line["exception"]


def test_a_terminal_gets_text_without_local_variables(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    set_up_logs(LogSettings(level="info", format="json"))
    _log()
    err = capsys.readouterr().err
    assert "ValueError: broken" in err
    assert "hunter2" not in err


@pytest.mark.parametrize(
    ("settings", "least", "lines"),
    [
        (LogSettings(level="info", format="json"), logging.INFO, 2),
        (LogSettings(level="debug", format="json"), logging.CRITICAL, 2),
        (LogSettings(level="error", format="json"), logging.INFO, 1),
        (LogSettings(level="info", format="json"), logging.CRITICAL, 0),
    ],
)
def test_debug_shows_all_and_else_the_stricter_level_wins(
    capsys: pytest.CaptureFixture[str], settings: LogSettings, least: int, lines: int
) -> None:
    set_up_logs(settings, least=least)
    _log()
    assert len(capsys.readouterr().err.splitlines()) == lines
