"""A process that may use so much memory and no more, as in a container.

What a process has resident says too much where files are mapped: the system takes their pages
back when it needs them. How small a container may be says what is needed.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from eval.bench.child import Unavailable

_GROUPS = Path("/sys/fs/cgroup")
_ENDING_S = 30  # for what a killed process had started
# Of each version of Linux' control groups: where they are made, and the file of the limit.
_VERSIONS = ((_GROUPS, "memory.max"), (_GROUPS / "memory", "memory.limit_in_bytes"))


@contextmanager
def container(megabytes: int) -> Iterator[Callable[[], object]]:
    """A control group with a limit; what it yields brings the process that calls it in.

    Raises Unavailable where none can be made: it takes Linux and root.
    """
    for base, limit in _VERSIONS:
        group = base / f"footnote-bench-{os.getpid()}"
        try:
            group.mkdir()
        except OSError:
            continue
        try:
            if (group / limit).exists():
                (group / limit).write_text(str(megabytes * 1_000_000))
                yield partial((group / "cgroup.procs").write_text, "0")
                return
        finally:
            _remove(group)
    raise Unavailable("no control group for memory can be made here")


def _remove(group: Path) -> None:
    until = time.monotonic() + _ENDING_S
    while True:
        try:
            return group.rmdir()
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)
