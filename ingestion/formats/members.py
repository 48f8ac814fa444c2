"""Names of files inside a file: safe to show and to join to a source, each once."""

from __future__ import annotations

import re
from collections.abc import Iterable

from app.core.types import MEMBER, Member

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_DRIVE = re.compile(r"[A-Za-z]:")
_PART_CHARS = 200


def safe_path(name: str) -> str:
    """The path with `/` between its parts; empty if it leads out of its container.

    Hidden files and what systems keep for themselves are passed over as in a folder.
    """
    path = _CONTROL.sub("_", name).replace("\\", "/")
    if path.startswith("/") or _DRIVE.match(path):
        return ""
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if any(part.startswith(".") or part in ("__MACOSX", "Thumbs.db") for part in parts):
        return ""
    return "/".join(_short(part) for part in parts).replace(MEMBER, "/")


def safe_name(name: str, otherwise: str) -> str:
    """One part of a path, for a file that came by mail."""
    base = _CONTROL.sub("_", name).replace("\\", "/").rsplit("/", 1)[-1].strip(" .")
    return _short(base) or otherwise


def unique(members: Iterable[tuple[str, bytes]]) -> list[Member]:
    """Members under their names; a name that comes again gets a number."""
    taken: set[str] = set()
    found: list[Member] = []
    for name, data in members:
        free, number = name, 1
        while free in taken:
            number += 1
            stem, dot, suffix = name.rpartition(".")
            free = f"{stem} ({number}).{suffix}" if dot and stem else f"{name} ({number})"
        taken.add(free)
        found.append(Member(free, data))
    return found


def _short(part: str) -> str:
    if len(part) <= _PART_CHARS:
        return part
    stem, dot, suffix = part.rpartition(".")
    kept = f"{dot}{suffix}" if dot and len(suffix) < 20 else ""
    return (stem if kept else part)[: _PART_CHARS - len(kept)] + kept
