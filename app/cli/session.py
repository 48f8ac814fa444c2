"""Running a command's work: settings, the service, the event loop and its signals."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from typing import TYPE_CHECKING, Any, TypeVar, cast

from app.cli.failures import TERMINATED
from app.core.errors import LockedError

if TYPE_CHECKING:
    from app.cli.remote import RemoteFootnote
    from app.core.settings import Settings
    from app.service import Footnote

T = TypeVar("T")


def use_footnote(work: Callable[[Footnote], Awaitable[T]]) -> T:
    """Open the service, do the work with it, close it again.

    When a server holds the embedded index, the work is done through that server.
    """
    from app.cli.logs import set_up_logs
    from app.core.settings import load_settings

    settings = load_settings()
    set_up_logs(settings.log)

    async def task() -> T:
        async with _opened(settings) as footnote:
            return await work(footnote)

    return run_async(task())


@contextlib.asynccontextmanager
async def _opened(settings: Settings) -> AsyncIterator[Footnote]:
    """The service, in this process or in the server that holds the index."""
    async with reached(settings) as remote:
        if remote:
            yield cast("Footnote", remote)  # it has what commands use
            return
    from app.wiring import open_footnote  # heavy: only once the settings are known to be good

    async with contextlib.AsyncExitStack() as stack:
        try:
            footnote = await stack.enter_async_context(open_footnote(settings))
        except LockedError:  # a server may have started meanwhile
            remote = await stack.enter_async_context(reached(settings))
            if not remote:
                raise
            footnote = cast("Footnote", remote)
        yield footnote


@contextlib.asynccontextmanager
async def reached(settings: Settings) -> AsyncIterator[RemoteFootnote | None]:
    """The server that holds the embedded index, if one does and answers."""
    from app.cli.running import find_server

    server = find_server(settings)
    if not server:
        yield None
        return
    from app.cli.remote import RemoteFootnote

    async with RemoteFootnote.reach(server) as remote:
        yield remote


def run_async(work: Coroutine[Any, Any, T]) -> T:
    """Run to the end. SIGINT and SIGTERM cancel the work, which cleans up first.

    Raises:
        KeyboardInterrupt: The user pressed Ctrl-C.
        SystemExit: SIGTERM came.
    """
    terminated = False

    async def main() -> T:
        task = asyncio.current_task()

        def stop() -> None:
            nonlocal terminated
            terminated = True
            if task:
                task.cancel()

        with contextlib.suppress(NotImplementedError):  # Windows has no signal handlers here
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop)
        return await work

    try:
        return asyncio.run(main())
    except asyncio.CancelledError:
        if terminated:
            raise SystemExit(TERMINATED) from None
        raise


@contextlib.contextmanager
def clean_stdout(wanted: bool) -> Iterator[None]:
    """Send what a library prints to stderr, so that stdout holds the JSON document alone."""
    if not wanted:
        yield
        return
    with contextlib.redirect_stdout(sys.stderr):
        yield
