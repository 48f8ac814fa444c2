"""`footnote serve`: the port, readiness and the end."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.cli.listening import listen, url_of
from app.cli.serve_factory import create
from app.core.errors import InputError
from tests.cli.conftest import Run
from tests.support.paths import ROOT


@pytest.fixture
def taken() -> Iterator[int]:
    """A port on which something listens."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        yield int(other.getsockname()[1])


def test_a_port_in_use_is_one_line(run: Run, taken: int) -> None:
    outcome = run("serve", "--port", str(taken))
    assert outcome.status == 1
    assert outcome.error == (
        f"port {taken} on 127.0.0.1 is in use; "
        "stop the program that holds it or choose another --port"
    )


def test_a_host_that_is_none_is_one_line(run: Run) -> None:
    outcome = run("serve", "--host", "256.0.0.1")
    assert outcome.status == 1
    assert "256.0.0.1" in outcome.error


def test_a_port_cannot_be_taken_after_the_check(free_port: int) -> None:
    with listen("127.0.0.1", free_port), pytest.raises(InputError):
        listen("127.0.0.1", free_port)


def test_the_url_is_one_that_a_browser_can_open() -> None:
    with listen("0.0.0.0", 0) as anywhere:
        assert url_of(anywhere) == f"http://127.0.0.1:{anywhere.getsockname()[1]}"


def test_worker_processes_build_the_app_from_the_settings() -> None:
    assert create().title == "Footnote"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_says_when_it_is_ready_and_ends_when_told(
    tmp_path: Path, footnote: Run, number: signal.Signals
) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "app.cli.main", "serve", "--port", "0"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stdout and server.stderr
        line = server.stdout.readline()
        assert line.startswith("Footnote answers on http://127.0.0.1:")
        url = line.split()[-1]
        with urllib.request.urlopen(f"{url}/readyz") as response:
            assert response.status == 200

        asked = footnote("ask", "How long?", "--json")  # which holds the index
        assert asked.status == 0 and asked.document["status"] == "abstained"
        locked = footnote("ask", "How long?", "--tenant", "another")
        assert locked.status == 1
        assert "a server holds the index" in locked.error

        server.send_signal(number)
        assert server.wait(timeout=20) == 0
        assert "Traceback" not in server.stderr.read()
    assert footnote("documents", "list", "--json").document == []
