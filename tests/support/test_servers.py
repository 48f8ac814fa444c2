"""The fixtures themselves: what other tests take for granted."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import psycopg
import pytest
import pytest_socket

from tests.support.environment import foreign
from tests.support.paths import ROOT
from tests.support.redis_server import RedisServer


def test_no_setting_of_the_developers_shell_is_seen(tmp_path: Path) -> None:
    assert foreign({"FOOTNOTE_API__KEY": "", "openai_api_key": "", "PATH": ""}) == [
        "FOOTNOTE_API__KEY",
        "openai_api_key",
    ]
    assert not foreign(os.environ)
    assert Path.cwd() == tmp_path
    assert (ROOT / "pyproject.toml").exists()


@pytest.mark.filterwarnings("ignore:A test tried to use")
def test_nothing_outside_this_machine_can_be_reached() -> None:
    with pytest.raises(pytest_socket.SocketConnectBlockedError), socket.socket() as connection:
        connection.connect(("192.0.2.1", 80))


def test_redis_can_be_killed_and_started_at_the_same_address(redis_server: RedisServer) -> None:
    port = int(redis_server.url.rsplit(":", 1)[1].removesuffix("/0"))

    redis_server.kill()
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", port))
    redis_server.start()
    redis_server.start()

    socket.create_connection(("127.0.0.1", port)).close()


@pytest.mark.filterwarnings("ignore:XDG_RUNTIME_DIR")
def test_postgres_is_real(postgres_url: str) -> None:
    with psycopg.connect(postgres_url) as connection:
        row = connection.execute("select version()").fetchone()

    assert row
    assert row[0].startswith("PostgreSQL")
