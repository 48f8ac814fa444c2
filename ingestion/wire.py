"""How parent and worker talk: frames of JSON, each after its length in eight bytes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from app.core.exchange import Failure
from ingestion.prepare import Prepared, Unexpected

LENGTH_BYTES = 8


@dataclass(frozen=True, slots=True)
class Finished:
    """Nothing more comes of this file.

    `worn`: the process has grown so much that a new one should take over.
    """

    worn: bool


Reply = Prepared | Unexpected | Failure | Finished


def frame(message: Any, kind: Any) -> bytes:
    """A message of a type, ready to be sent."""
    written = body(message, kind)
    return len(written).to_bytes(LENGTH_BYTES, "big") + written


def body(message: Any, kind: Any) -> bytes:
    """A message of a type as JSON."""
    written: bytes = _adapter(kind).dump_json(message)
    return written


def message(body: bytes, kind: Any) -> Any:
    """The message that a frame carries. Raises ValueError when it is none of this type."""
    return _adapter(kind).validate_json(body)


@cache
def _adapter(kind: Any) -> Any:
    from pydantic import TypeAdapter

    return TypeAdapter(kind)
