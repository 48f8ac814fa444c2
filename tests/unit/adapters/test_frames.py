"""Frames between processes: what goes in comes out, and half a frame is none."""

from __future__ import annotations

import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.adapters.frames import receive, send

_SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=["Cs"]))
    | st.binary()
)
_MESSAGES = st.recursive(
    _SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=5), inner)
)


@given(st.lists(_MESSAGES, max_size=4))
def test_messages_arrive_as_they_were_sent_and_in_order(messages: list[Any]) -> None:
    pipe = io.BytesIO()
    for message in messages:
        send(pipe, message)
    pipe.seek(0)

    assert [receive(pipe) for _ in messages] == messages
    with pytest.raises(EOFError):
        receive(pipe)


@given(_MESSAGES, st.data())
def test_a_process_that_dies_in_the_middle_of_a_message_has_said_nothing(
    message: Any, data: st.DataObject
) -> None:
    pipe = io.BytesIO()
    send(pipe, message)
    whole = pipe.getvalue()
    cut = data.draw(st.integers(0, len(whole) - 1))

    with pytest.raises(EOFError):
        receive(io.BytesIO(whole[:cut]))
