"""This end of the process in which the embedded engine runs; see `edge_host.py`."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import IO, Any, cast

from app.adapters.edge_engine import Engine
from app.adapters.frames import receive, send
from app.core import errors
from app.core.errors import TransientError
from app.core.types import Scalar

_PIPE = 1 << 20  # bytes: a question's passages go through at once
_ENDING_S = 10.0
_READS = frozenset({"size", "count", "present", "facet", "page", "search", "retrieve"})


class EngineError(RuntimeError):
    """The engine failed in a way that nobody foresaw; its traceback is on stderr."""


def engine_in_a_process(folder: Path, dimensions: int, fingerprint: Mapping[str, Scalar]) -> Engine:
    """An engine like `Engine.open`'s, all of whose calls run in a process of its own.

    Calls block, and are to come from one thread, which has to live as long as the engine is used.
    Where the process has died, a read begins a new one and asks that; a change raises
    TransientError, since what came before it may be gone (see `edge_shard.mend`), and whatever is
    asked next begins a new one.

    Raises what Engine.open raises.
    """
    process = _Process(str(folder), dimensions, dict(fingerprint))
    process.start()
    return cast(Engine, process)


class _Lost(TransientError):
    """The process has died."""


class _Process:
    def __init__(self, *index: Any) -> None:
        self._index = index
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - a module of ours
            # -P: a folder `app` in the working directory is not ours.
            [sys.executable, "-P", "-m", "app.adapters.edge_host", str(os.getpid())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            pipesize=_PIPE,
        )
        try:
            self._ask("open", *self._index)
        except BaseException:
            self._end()
            raise

    def __getattr__(self, operation: str) -> Any:
        return partial(self._ask, operation)

    def close(self) -> None:
        if self._process is None:
            return
        try:
            self._ask("close")
        except TransientError:
            pass  # it has died, and holds nothing; what was stored is in its log of writes
        finally:
            self._end()

    def _ask(self, operation: str, *args: Any, **options: Any) -> Any:
        try:
            return self._answer(operation, args, options)
        except _Lost:
            if operation not in _READS:
                raise
            return self._answer(operation, args, options)

    def _answer(self, operation: str, args: Any, options: Any) -> Any:
        if self._process is None:
            self.start()
        process = cast("subprocess.Popen[bytes]", self._process)
        requests, replies = cast("IO[bytes]", process.stdin), cast("IO[bytes]", process.stdout)
        try:
            send(requests, (operation, args, options))
            error, result = receive(replies)
        except (OSError, EOFError) as lost:
            raise self._lost() from lost
        if error:
            raise _raised(*error)
        return result

    def _lost(self) -> _Lost:
        status = self._end()
        how = signal.Signals(-status).name if status < 0 else f"status {status}"
        return _Lost(
            f"the process of the embedded index has ended ({how})",
            hint="ask again, which starts another one; it may have run out of memory",
        )

    def _end(self) -> int:
        """Its exit status."""
        process, self._process = self._process, None
        if process is None:
            return 0
        for pipe in (process.stdin, process.stdout):  # without them it ends
            with contextlib.suppress(OSError):
                cast("IO[bytes]", pipe).close()
        try:
            return process.wait(_ENDING_S)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()


def _raised(name: str, message: str, hint: str) -> Exception:
    if not name:
        return EngineError(message)
    error: Exception = getattr(errors, name)(message, hint=hint)
    return error
