"""The memory of this process and of all that it starts, while something runs."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

_EVERY_S = 0.1


class Peak:
    """The most that was held at once, megabytes of resident memory."""

    mb = 0.0


@contextmanager
def peak_memory() -> Iterator[Peak]:
    """Watch the sum over all processes; `Peak.mb` says the most of it so far."""
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
    while not done.wait(_EVERY_S):
        held = 0
        for process in [this, *this.children(recursive=True)]:
            try:
                held += process.memory_info().rss
            except psutil.NoSuchProcess:
                continue  # it has just ended
        peak.mb = max(peak.mb, held / 1e6)
