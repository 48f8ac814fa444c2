"""The process in which files are read: `python -m ingestion.worker`, fed by a `ParserPool`.

It gets a recipe, then sources, on stdin and sends documents on stdout. Whatever a parser
does to it, crash, hang or grow, costs the one file that it was reading.
"""

from __future__ import annotations

import os
import sys
from typing import IO, Any

from ingestion.prepare import Preparer, Recipe, Source
from ingestion.wire import LENGTH_BYTES, Finished, Reply, frame, message


def main() -> None:
    """Prepare sources until stdin ends."""
    # The other cores are the encoder's, and the texts are short.
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    replies = _keep_stdout()
    recipe = _next(sys.stdin.buffer, Recipe)
    preparer = Preparer(recipe)
    _limit_memory(int(sys.argv[1]))
    while (source := _next(sys.stdin.buffer, Source)) is not None:
        for outcome in preparer.documents(source):
            replies.write(frame(outcome, Reply))
            replies.flush()
        replies.write(frame(Finished(), Reply))
        replies.flush()


def _keep_stdout() -> IO[bytes]:
    """The pipe to the parent; what a library prints goes to stderr instead."""
    pipe = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return pipe


def _next(stream: IO[bytes], kind: Any) -> Any:
    length = stream.read(LENGTH_BYTES)
    if len(length) < LENGTH_BYTES:
        return None
    return message(stream.read(int.from_bytes(length, "big")), kind)


def _limit_memory(megabytes: int) -> None:
    """Let allocations fail beyond so much on top of what the libraries take.

    Linux counts a process's own writable memory here. Other systems count differently or
    not at all; there the limit in time remains.
    """
    if sys.platform != "linux":
        return
    import resource
    from pathlib import Path

    import kreuzberg  # noqa: F401 - what it takes is not the file's

    status = Path("/proc/self/status").read_text(encoding="ascii")
    (held,) = (int(line.split()[1]) for line in status.splitlines() if line.startswith("VmData"))
    most = held * 1024 + megabytes * 1024 * 1024
    resource.setrlimit(resource.RLIMIT_DATA, (most, most))


if __name__ == "__main__":
    main()
