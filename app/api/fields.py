"""Types of what a request may carry."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from app.core.errors import InputError
from app.core.exchange import MOST_PASSAGES, refuse_count


def _storable(text: str) -> str:
    """JSON can spell characters that no UTF-8 text holds and that databases refuse."""
    if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError("holds a NUL character or half of a surrogate pair")
    return text


def _countable(k: int) -> int:
    try:
        refuse_count(k)
    except InputError as error:
        raise ValueError(error.hint) from error
    return k


Text = Annotated[str, AfterValidator(_storable)]
Name = Annotated[Text, Field(min_length=1, max_length=200)]
Filters = dict[Text, Text | list[Text]]
PassageCount = Annotated[
    int,
    AfterValidator(_countable),
    Field(json_schema_extra={"minimum": 1, "maximum": MOST_PASSAGES}),
]
