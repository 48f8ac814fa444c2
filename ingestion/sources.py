"""Which files a list of paths, folders and globs means."""

from __future__ import annotations

import glob
from collections.abc import Iterable, Iterator
from pathlib import Path

from app.core.types import Failure

_MAGIC = frozenset("*?[")


def find_files(paths: Iterable[str | Path]) -> tuple[list[Path], list[Failure]]:
    """Files behind `paths`, absolute, sorted, each once; and the paths that lead nowhere.

    A folder is walked to any depth. Hidden files and folders are passed over unless they
    are named themselves. A link to a folder is not followed, so that a circle ends.
    """
    found: set[Path] = set()
    failures: list[Failure] = []
    for path in map(str, paths):
        matches = list(_expand(path))
        if not matches:
            failures.append(
                Failure(path, "nothing is there", "check the path; quote a glob in the shell")
            )
        for match in matches:
            found.update(_walk(match.absolute()))
    return sorted(found), failures


def _expand(path: str) -> Iterator[Path]:
    if Path(path).exists():
        yield Path(path)
    elif _MAGIC & set(path):
        yield from (Path(match) for match in glob.iglob(path, recursive=True))


def _walk(path: Path) -> Iterator[Path]:
    if path.is_file():
        yield path
        return
    for child in path.iterdir():
        if child.name.startswith(".") or (child.is_symlink() and child.is_dir()):
            continue
        yield from _walk(child)
