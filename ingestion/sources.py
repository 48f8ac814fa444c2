"""Which files a list of paths, folders and globs means."""

from __future__ import annotations

import glob
import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from app.core.errors import PermanentError
from app.core.exchange import Failure

_MAGIC = frozenset("*?[")


def find_files(paths: Iterable[str | Path]) -> tuple[list[str], list[Failure]]:
    """Files behind `paths`, absolute, sorted, each once; and what cannot be followed.

    A folder is walked to any depth. Hidden files and folders are passed over unless they
    are named themselves. A link to a folder is not followed, so that a circle ends.
    """
    found: set[str] = set()  # a Path takes ten times the memory
    failures: list[Failure] = []
    for path in map(str, paths):
        try:
            matches = list(_expand(path))
        except OSError as error:  # such as a name that is too long
            failures.append(_unreadable(path, error))
            continue
        if not matches:
            failures.append(
                Failure(path, "nothing is there", "check the path; quote a glob in the shell")
            )
        for match in matches:
            for file in _walk(_absolute(match), failures):
                if _is_text(file):
                    found.add(file)
                else:
                    shown = os.fsencode(file).decode(errors="backslashreplace")
                    failures.append(Failure(shown, "its name is not UTF-8", "rename it"))
    return sorted(found), failures


def hashes(files: Iterable[Path]) -> list[str | Exception]:
    """The SHA-256 of each file's content, in order, or why it cannot be read."""
    found: list[str | Exception] = []
    for file in files:
        try:
            if not file.is_file():
                raise PermanentError("it is not a regular file")
            with file.open("rb") as stream:
                found.append(hashlib.file_digest(stream, "sha256").hexdigest())
        except (OSError, PermanentError) as error:
            found.append(error)
    return found


def coverage(paths: Iterable[str | Path]) -> Callable[[str], bool]:
    """Tells whether a document's source lies under one of some files, folders and globs."""
    roots: set[Path] = set()
    globs: list[Sequence[str]] = []
    for path in map(Path, paths):
        if _MAGIC & set(str(path)) and not path.exists():
            globs.append(_absolute(path).parts)
        else:
            roots.add(_absolute(path))

    def covers(source: str) -> bool:
        place = Path(source)
        return not roots.isdisjoint((place, *place.parents)) or any(
            _matches(pattern, place.parts) for pattern in globs
        )

    return covers


def _matches(pattern: Sequence[str], place: Sequence[str]) -> bool:
    if not pattern:
        return True  # a folder that the glob finds is walked
    if pattern[0] == "**":
        return any(_matches(pattern[1:], place[skip:]) for skip in range(len(place)))
    return bool(place) and fnmatchcase(place[0], pattern[0]) and _matches(pattern[1:], place[1:])


def _expand(path: str) -> Iterator[Path]:
    if Path(path).exists():
        yield Path(path)
    elif _MAGIC & set(path):
        yield from (Path(match) for match in glob.iglob(path, recursive=True))


def _walk(path: Path, failures: list[Failure]) -> Iterator[str]:
    if not path.is_dir():
        yield str(path)
        return

    def report(error: OSError) -> None:
        failures.append(_unreadable(str(error.filename), error))

    for folder, folders, files in os.walk(path, onerror=report):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (str(Path(folder, name)) for name in files if not name.startswith("."))


def _absolute(path: Path) -> Path:
    """Without `..`, so that one file has one name; links stay as they are named."""
    return Path(os.path.normpath(path.absolute()))


def _is_text(path: str) -> bool:
    try:
        return bool(path.encode())
    except UnicodeEncodeError:
        return False


def _unreadable(path: str, error: OSError) -> Failure:
    reason = error.strerror or type(error).__name__
    return Failure(path, f"it cannot be read: {reason}", "check its name and permissions")
