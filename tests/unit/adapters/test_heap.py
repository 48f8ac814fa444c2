"""Memory that the engine has freed is to be there for others."""

from __future__ import annotations

import ctypes
import subprocess
import sys

import pytest

_MB = 20  # small enough for the heap to keep by default, once a block of its size was freed
_FREEING = f"""
import ctypes, sys, psutil
from app.adapters.heap import keep_little

if sys.argv[1:]:
    keep_little()
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
libc.free.argtypes = [ctypes.c_void_p]
before = psutil.Process().memory_info().rss
for _ in range(2):
    block = libc.malloc({_MB} << 20)
    ctypes.memset(block, 1, {_MB} << 20)
    libc.free(block)
print((psutil.Process().memory_info().rss - before) >> 20)
"""


@pytest.mark.skipif(
    sys.platform != "linux" or not hasattr(ctypes.CDLL(None), "mallopt"), reason="wants glibc"
)
def test_a_large_block_that_was_freed_takes_no_memory() -> None:
    assert _kept() >= _MB - 1, "glibc keeps nothing by itself: the next line shows nothing"
    assert _kept("little") <= 1


def _kept(*arguments: str) -> int:
    """Megabytes that a process has more after it has freed all it took."""
    command = [sys.executable, "-c", _FREEING, *arguments]
    return int(subprocess.run(command, capture_output=True, check=True).stdout)
