"""How two processes talk over a pipe: frames of MessagePack, each after its length."""

from __future__ import annotations

from typing import IO, Any

import ormsgpack

_LENGTH_BYTES = 8


def send(pipe: IO[bytes], message: Any) -> None:
    """Write plain data, or dataclasses of it, which arrive as dicts; tuples arrive as lists.

    Raises BrokenPipeError when nobody reads any more.
    """
    body = ormsgpack.packb(message)
    pipe.write(len(body).to_bytes(_LENGTH_BYTES, "big"))
    pipe.write(body)
    pipe.flush()


def receive(pipe: IO[bytes]) -> Any:
    """Read one message. Raises EOFError when there will be none."""
    length = int.from_bytes(_exactly(pipe, _LENGTH_BYTES), "big")
    return ormsgpack.unpackb(_exactly(pipe, length))


def _exactly(pipe: IO[bytes], count: int) -> bytes:
    found = pipe.read(count)
    if len(found) < count:
        raise EOFError
    return found
