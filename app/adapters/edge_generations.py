"""The generations of the embedded index: folders in its folder, one of them in use.

The first generation is the folder itself; `CURRENT` names a later one. Whoever holds the
lock of the generation in use is alone with all of them.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.adapters.edge_shard import open_shard
from app.core.errors import FootnoteError, PermanentError

if TYPE_CHECKING:
    from app.core.types import Scalar

_POINTER = "CURRENT"
_NAME = re.compile(r"g(\d+)")
_FIRST = ("fingerprint.json", "shard")


def current(folder: Path) -> Path:
    """The generation in use. Raises PermanentError when its name is damaged."""
    try:
        name = (folder / _POINTER).read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return folder
    except (OSError, ValueError) as error:
        raise _damaged(folder) from error
    if not _NAME.fullmatch(name):
        raise _damaged(folder)
    return folder / name


def open_current(folder: Path, dimensions: int, fingerprint: Mapping[str, Scalar]) -> Any:
    """The shard of the generation in use; removes all others. See EdgeStore.open."""
    while True:
        place = current(folder)
        try:
            # Where there were generations, what is missing is lost, and not yet to be made.
            if not (place / _FIRST[0]).exists() and (place != folder or [*_later(folder)]):
                raise _damaged(place)
            shard = open_shard(place, dimensions, fingerprint)
        except FootnoteError:
            if current(folder) != place:  # another was adopted while this one was opened
                continue
            raise
        if current(folder) == place:
            sweep(folder)
            return shard
        shard.close()


def begin(folder: Path) -> Path:
    """The folder of a new generation, not made yet."""
    numbers = [int(name[1]) for entry in _later(folder) if (name := _NAME.fullmatch(entry.name))]
    return folder / f"g{max(numbers, default=1) + 1}"


def adopt(generation: Path) -> None:
    """Name the generation in use, durably and in one step."""
    pointer = generation.parent / _POINTER
    draft = pointer.with_suffix(".new")
    with draft.open("w", encoding="utf-8") as file:
        file.write(generation.name)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(pointer)
    _sync(generation.parent)


def sweep(folder: Path) -> None:
    """Remove every generation but the one in use."""
    kept = current(folder)
    for entry in _later(folder):
        if entry != kept:
            shutil.rmtree(entry)
    if kept != folder:
        (folder / _FIRST[0]).unlink(missing_ok=True)
        if (folder / _FIRST[1]).exists():
            shutil.rmtree(folder / _FIRST[1])


def size(folder: Path) -> int:
    """Bytes that the generation in use takes on disk."""
    return sum(_allocated(file) for file in current(folder).rglob("*") if file.is_file())


def _later(folder: Path) -> Iterator[Path]:
    if folder.is_dir():
        yield from (e for e in folder.iterdir() if _NAME.fullmatch(e.name) and e.is_dir())


def _allocated(file: Path) -> int:
    """The engine makes its files larger than what is in them."""
    stat = file.stat()
    return min(stat.st_size, stat.st_blocks * 512) if hasattr(stat, "st_blocks") else stat.st_size


def _sync(folder: Path) -> None:
    if os.name != "posix":  # elsewhere a folder cannot be opened
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _damaged(place: Path) -> PermanentError:
    return PermanentError(
        f"the index in {place} cannot be opened", hint="move the folder away and ingest again"
    )
