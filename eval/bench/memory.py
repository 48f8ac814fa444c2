"""The memory of this process and of all that it starts, while something runs.

A child that has not begun a program of its own yet shows its parent's memory as its own: a
process that takes 0.4 GB would seem to take 0.8 GB whenever it starts another one.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

_EVERY_S = 0.1


class Peak:
    """The most that was held at once, megabytes.

    `mb` is all resident memory, of which what processes share, such as libraries, counts once
    for each; `own_mb` leaves out pages of files, such as an index's, which the system takes
    back when it needs them.
    """

    mb = 0.0
    own_mb = 0.0


@contextmanager
def peak_memory() -> Iterator[Peak]:
    """Watch the sum over all processes; `Peak` says the most of it so far."""
    peak, done = Peak(), threading.Event()
    watcher = threading.Thread(target=_watch, args=[peak, done], daemon=True)
    watcher.start()
    try:
        yield peak
    finally:
        done.set()
        watcher.join()


def _watch(peak: Peak, done: threading.Event) -> None:
    import psutil

    this = psutil.Process()
    program = this.cmdline()
    while not done.wait(_EVERY_S):
        held = own = 0
        for process in [this, *this.children(recursive=True)]:
            try:
                if process != this and process.cmdline() == program:
                    continue
                memory = process.memory_info()
            except psutil.NoSuchProcess:
                continue  # it has just ended
            held += memory.rss
            own += memory.rss - getattr(memory, "shared", 0)
        peak.mb, peak.own_mb = max(peak.mb, held / 1e6), max(peak.own_mb, own / 1e6)
