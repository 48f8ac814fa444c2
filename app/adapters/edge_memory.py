"""Memory that the engine holds and does not need goes back to the system."""

from __future__ import annotations

import ctypes
import sys
from pathlib import Path

_PAGE_OUT = 21  # MADV_PAGEOUT; an older Linux says no, and nothing happens
_MAPS = Path("/proc/self/maps")


def give_back_freed() -> None:
    """What the engine has freed.

    Indices of words are built out of millions of small allocations, and glibc keeps what
    lies between those that are left.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if trim:  # musl has none
        trim(0)


def give_back_pages(folder: Path) -> None:
    """Pages of the files under `folder`, which the engine keeps mapped once it has used them.

    They are read from the disk again when they are needed, so this is for an index that is
    filled and not searched. Should a file be closed meanwhile and its addresses be used for
    something else, that is moved out of memory too, or stays; it never loses its content.
    """
    if sys.platform != "linux":
        return
    inside, libc = f"{folder.resolve()}/", ctypes.CDLL(None)
    for line in _MAPS.read_text(encoding="utf-8", errors="surrogateescape").splitlines():
        addresses, *_, file = line.split(maxsplit=5)
        if file.startswith(inside):
            start, end = (int(address, 16) for address in addresses.split("-"))
            libc.madvise(ctypes.c_void_p(start), ctypes.c_size_t(end - start), _PAGE_OUT)
