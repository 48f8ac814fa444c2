"""`footnote serve`: answers over HTTP."""

from __future__ import annotations

import contextlib
import logging
import os
import tempfile
import threading
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli.console import note, say
from app.cli.session import run_async
from app.core.errors import ConfigError, PermanentError

if TYPE_CHECKING:
    import socket

    from app.cli.running import Running
    from app.core.settings import Settings

GRACE_S = 30  # after the server was told to stop; the API ends its streams before
LOOPBACK = {"127.0.0.1", "::1", "localhost"}


def serve(
    host: Annotated[
        str, typer.Option("--host", metavar="H", help="Address to listen on.")
    ] = "127.0.0.1",
    port: Annotated[
        int,
        typer.Option("--port", metavar="P", min=0, max=65535, help="Port; 0 takes any free one."),
    ] = 8000,
    workers: Annotated[
        int, typer.Option("--workers", metavar="N", min=1, help="Processes; needs a Qdrant server.")
    ] = 1,
) -> None:
    """Serve the chat API and the web page over HTTP."""
    from app.cli.listening import listen
    from app.cli.logs import set_up_logs
    from app.core.settings import load_settings

    settings = load_settings()
    set_up_logs(settings.log, least=logging.INFO)
    _refuse_shared_index(settings, workers)
    with listen(host, port) as listener:
        if host not in LOOPBACK and settings.api.key is None:
            note("note: everybody who reaches this address may ask; set FOOTNOTE_API__KEY")
        ready = threading.Thread(target=_announce, args=[listener], daemon=True)
        if workers == 1:
            run_async(_serve_here(settings, listener, ready))
        else:
            _serve_in_processes(settings, listener, ready, workers)


def _refuse_shared_index(settings: Settings, workers: int) -> None:
    if workers > 1 and not settings.qdrant.url:
        raise ConfigError(
            f"{workers} workers cannot share the embedded index, which belongs to one process",
            hint="set FOOTNOTE_QDRANT__URL to a Qdrant server, or use --workers 1",
        )


async def _serve_here(settings: Settings, listener: socket.socket, ready: threading.Thread) -> None:
    """Serve in this process.

    The service is opened before the server starts, so that a fault of the set-up is one
    line for the user and not a traceback of the server's start.
    """
    from app.api.server import create_app
    from app.cli.running import announced
    from app.cli.server import Server
    from app.wiring import open_footnote

    here = _running(settings, listener)
    async with open_footnote(settings) as footnote:
        with announced(settings, here) if here else contextlib.nullcontext():
            token = here.token if here else ""
            api = create_app(lambda: contextlib.nullcontext(footnote), settings, token)
            server = Server(api, **_options())
            ready.start()
            await server.serve(sockets=[listener])
        if not server.started:
            raise PermanentError("the server did not start", hint="see the log above")


def _running(settings: Settings, listener: socket.socket) -> Running | None:
    """What other commands need to know of this server, if it keeps the index from them."""
    from app.cli.listening import url_of
    from app.cli.running import Running

    return None if settings.qdrant.url else Running(url_of(listener), settings.api.tenant)


def _serve_in_processes(
    settings: Settings, listener: socket.socket, ready: threading.Thread, workers: int
) -> None:
    """Serve in several processes that take connections from one socket."""
    import uvicorn
    from uvicorn.supervisors import Multiprocess

    from app.wiring import open_footnote

    async def try_settings() -> None:
        async with open_footnote(settings):
            pass

    run_async(try_settings())
    config = uvicorn.Config(
        "app.cli.serve_factory:create", factory=True, workers=workers, **_options()
    )
    with tempfile.TemporaryDirectory(prefix="footnote-metrics-") as counters:
        # Where the workers count, so that /metrics of any of them tells of all.
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = counters
        ready.start()
        Multiprocess(config, sockets=[listener]).run()


def _announce(listener: socket.socket) -> None:
    from app.cli.listening import url_of, wait_until_healthy

    if wait_until_healthy(listener):
        say(f"Footnote answers on {url_of(listener)}")


def _options() -> dict[str, Any]:
    # No access log: uvicorn writes it to stdout, and the API logs requests itself.
    return {"access_log": False, "log_level": "warning", "timeout_graceful_shutdown": GRACE_S}
