"""Running a command's work: settings, the service, the event loop and its signals."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

from app.cli.failures import TERMINATED

if TYPE_CHECKING:
    from app.service import Footnote

T = TypeVar("T")


def use_footnote(work: Callable[[Footnote], Awaitable[T]]) -> T:
    """Open the service, do the work with it, close it again."""
    from app.cli.logs import set_up_logs
    from app.core.settings import load_settings

    settings = load_settings()
    set_up_logs(settings.log)
    from app.wiring import open_footnote  # heavy: only once the settings are known to be good

    async def task() -> T:
        async with open_footnote(settings) as footnote:
            return await work(footnote)

    return run_async(task())


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
