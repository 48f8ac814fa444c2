"""Dates as tags and questions have them."""

from __future__ import annotations

import re
from datetime import UTC, datetime

_PART = re.compile(r"\d{4}(?:-\d{2})?")


def moment(text: str) -> datetime | None:
    """A date or time of ISO 8601, `2024` and `2024-03` included; None for anything else.

    What names a day, month or year means its beginning; what names no zone is in UTC.
    """
    text = text.strip()
    if _PART.fullmatch(text):
        text += "-01" if "-" in text else "-01-01"
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
