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

_BUFFERED = 1 << 20  # bytes: a document and the end of its file go together
_WORN = 1 / 8  # of the limit, which libraries have leaked or do not give back


def main() -> None:
    """Prepare sources until stdin ends."""
    # The other cores are the encoder's, and the texts are short.
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    replies = _keep_stdout()
    recipe = _next(sys.stdin.buffer, Recipe)
    preparer = Preparer(recipe)
    limit = int(sys.argv[1]) << 20
    fresh = _limit_memory(limit)
    while (source := _next(sys.stdin.buffer, Source)) is not None:
        for outcome in preparer.documents(source):
            replies.write(frame(outcome, Reply))
            if outcome.source != source.name:  # a member's, which may take long
                replies.flush()
        replies.write(frame(Finished(_held() - fresh > _WORN * limit), Reply))
        replies.flush()


def _keep_stdout() -> IO[bytes]:
    """The pipe to the parent; what a library prints goes to stderr instead."""
    pipe = os.fdopen(os.dup(1), "wb", _BUFFERED)
    os.dup2(2, 1)
    return pipe


def _next(stream: IO[bytes], kind: Any) -> Any:
    length = stream.read(LENGTH_BYTES)
    if len(length) < LENGTH_BYTES:
        return None
    return message(stream.read(int.from_bytes(length, "big")), kind)


def _limit_memory(limit: int) -> int:
    """Let allocations fail beyond so many bytes on top of what the libraries take, which is
    returned.

    Linux counts a process's own writable memory here. Other systems count differently or
    not at all; there the limit in time remains.
    """
    import kreuzberg  # noqa: F401 - what it takes is not the file's

    held = _held()
    if sys.platform == "linux":
        import resource

        resource.setrlimit(resource.RLIMIT_DATA, (held + limit, held + limit))
    return held


def _held() -> int:
    """Bytes of its own writable memory; 0 where that is not to be had."""
    if sys.platform != "linux":
        return 0
    with open("/proc/self/status", encoding="ascii") as status:  # noqa: PTH123 - for every file
        (held,) = (int(line.split()[1]) for line in status if line.startswith("VmData"))
    return held * 1024


if __name__ == "__main__":
    main()
