"""A uvicorn server that ends within its caller, not by a signal."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections.abc import Generator
from typing import Any

import uvicorn


class Server(uvicorn.Server):
    """Stops on SIGINT and SIGTERM, finishes what it is doing, and returns.

    uvicorn's own handling raises the signal again at the end, which would kill the
    process before the service around the server is closed.
    """

    def __init__(self, app: Any, **options: Any) -> None:
        super().__init__(uvicorn.Config(app, **options))

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Leave the signals to `serve`."""
        yield

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve until a signal comes; a second Ctrl-C does not wait for open requests."""
        loop = asyncio.get_running_loop()
        with contextlib.suppress(NotImplementedError):  # Windows: Ctrl-C cancels the task
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.add_signal_handler(number, self.handle_exit, number, None)
        await super().serve(sockets)
