"""Makes a call of ours that blocks the event loop fail the test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from blockbuster import BlockBuster

OURS = ["app", "graphs", "ingestion", "prompts"]

ALLOWED = [
    # Importing a heavy library where it is first used reads files, once in a process.
    ("<frozen importlib._bootstrap>", {"_find_and_load"}),
    # Tables of a run, in its own cache or the system's: 10 us, less than to ask another thread.
    ("ingestion/scratch.py", {"__init__", "close", "rows", "row", "do", "do_each"}),
]
"""Places (file, functions) in which blocking is legitimate, each with its reason."""


@contextmanager
def no_blocking() -> Iterator[None]:
    """Raise BlockingError when code of ours blocks the event loop."""
    guard = BlockBuster(scanned_modules=OURS)
    for function in guard.functions.values():
        for file, names in ALLOWED:
            function.can_block_in(file, names)
    guard.activate()
    try:
        yield
    finally:
        guard.deactivate()
