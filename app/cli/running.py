"""How a command finds the server that holds the embedded index: a note in the data folder."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.core.settings import Settings


@dataclass(frozen=True, slots=True)
class Running:
    """A server: where it answers, for which tenant, and the token of its operator."""

    url: str
    tenant: str
    pid: int = field(default_factory=os.getpid)
    token: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)

    @property
    def is_alive(self) -> bool:
        """Whether its process is there; on Windows nothing harmless could tell."""
        if sys.platform == "win32":
            return True
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            return True
        return True


@contextlib.contextmanager
def announced(settings: Settings, server: Running) -> Iterator[None]:
    """Leave the note, for its owner's eyes only, while the server runs."""
    file = _file(settings)
    new = file.with_name(f"{file.name}.{server.pid}")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as note:
        json.dump(asdict(server), note)
    new.replace(file)
    try:
        yield
    finally:
        if _read(file) == server:
            file.unlink(missing_ok=True)


def find_server(settings: Settings) -> Running | None:
    """The server that may hold the embedded index; None when there is certainly none."""
    if settings.qdrant.url:
        return None
    server = _read(_file(settings))
    return server if server and server.is_alive else None


def _file(settings: Settings) -> Path:
    return settings.data_dir.expanduser().absolute() / "server.json"


def _read(file: Path) -> Running | None:
    """What a note says; None without one that this user can read and that is whole."""
    try:
        return Running(**json.loads(file.read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return None
