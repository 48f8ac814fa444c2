"""The process in which the embedded engine runs: `python -m app.adapters.edge_host`.

The engine keeps Python's lock for as long as a call takes, minutes where a large index is built:
in the service's own process nothing else would happen meanwhile, not even encoding. Requests
come on stdin, one after another, and each is answered on stdout; `edge_process.py` sends them.
Little is imported here, so that a process is there within a tenth of a second.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import traceback
from typing import IO, Any

from app.adapters.edge_engine import Engine
from app.adapters.frames import receive, send
from app.adapters.heap import keep_little
from app.core.errors import FootnoteError

_DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG


def main() -> None:
    """Serve one engine until stdin ends."""
    keep_little()
    replies = _keep_stdout()
    _die_with_parent(int(sys.argv[1]))
    for ignored in (signal.SIGINT, signal.SIGTERM):  # the parent ends this in good order
        signal.signal(ignored, signal.SIG_IGN)
    engine: Any = Engine
    while True:
        try:
            name, args, options = receive(sys.stdin.buffer)
        except EOFError:
            return
        try:
            result = getattr(engine, name)(*args, **options)
            if name == "open":
                engine, result = result, None
            reply = [None, result]
        except FootnoteError as error:
            reply = [[type(error).__name__, error.message, error.hint], None]
        except Exception as error:  # noqa: BLE001 - who asked gets it
            traceback.print_exc()
            reply = [["", f"{type(error).__name__}: {error}", ""], None]
        send(replies, reply)


def _keep_stdout() -> IO[bytes]:
    """The pipe to the parent; what a library prints goes to stderr instead."""
    pipe = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return pipe


def _die_with_parent(parent: int) -> None:
    """A parent that is killed takes its lock on the index with it, even while that is built."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGKILL)
        if os.getppid() != parent:
            sys.exit()


if __name__ == "__main__":
    main()
