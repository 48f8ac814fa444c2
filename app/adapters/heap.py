"""How much of the memory that is freed glibc's malloc keeps for later. Elsewhere, nothing."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # of malloc.h
_LARGE = 64 << 10  # bytes


def keep_little() -> None:
    """Let no large block lie in the heap of this process.

    By default what was freed once, up to 32 MB, is kept there for the next block of its size;
    indices are built out of blocks of ever other sizes. (One heap for all threads would save
    a little more, but those that search wait for each other then.)
    """
    mallopt = _of_glibc("mallopt")
    if mallopt:
        mallopt(_MMAP_THRESHOLD, _LARGE)
        mallopt(_TRIM_THRESHOLD, _LARGE)


def give_back() -> None:
    """Let the system have the memory that has been freed.

    Indices of words are built out of millions of small allocations, and glibc keeps what
    lies between those that are left.
    """
    trim = _of_glibc("malloc_trim")
    if trim:
        trim(0)


def _of_glibc(name: str) -> Callable[..., int] | None:
    """None with another library of C, such as musl."""
    return getattr(ctypes.CDLL(None), name, None) if sys.platform == "linux" else None
