"""The command line in this process over a fake service, or in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import structlog

from app.cli import main
from tests.cli.fake import FakeFootnote
from tests.support.paths import ROOT


@dataclass(frozen=True)
class Outcome:
    """What a command left behind."""

    status: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The one JSON document on stdout."""
        return json.loads(self.out)

    @property
    def error(self) -> str:
        """The one line on stderr, an error."""
        (line,) = self.err.splitlines()
        assert line.startswith("error: ")
        return line.removeprefix("error: ")


Run = Callable[..., Outcome]


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeFootnote:
    """The service that commands in this process open."""
    service = FakeFootnote()
    wiring = types.ModuleType("app.wiring")
    wiring.open_footnote = service.open  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "app.wiring", wiring)
    return service


@pytest.fixture
def run(fake: FakeFootnote, capsys: pytest.CaptureFixture[str]) -> Iterator[Run]:
    """Run a command line in this process."""

    def run_here(*arguments: str) -> Outcome:
        try:
            status = main.run(arguments)
        except SystemExit as stop:
            status = int(stop.code or 0)
        return Outcome(status, *capsys.readouterr())

    yield run_here
    structlog.reset_defaults()


@pytest.fixture
def footnote(tmp_path: Path) -> Run:
    """Run a command line in a process of its own, in an empty folder."""

    def run_there(*arguments: str, stdin: str = "", **environment: str) -> Outcome:
        done = subprocess.run(
            [sys.executable, "-P", "-m", "app.cli.main", *arguments],  # as its script does
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
            input=stdin,
            capture_output=True,
            encoding="utf-8",
            timeout=60,
        )
        return Outcome(done.returncode, done.stdout, done.stderr)

    return run_there
