"""A turn of a conversation as it is kept."""

from __future__ import annotations

import uuid
from typing import Any


def turn(question: str, answer: str) -> list[dict[str, Any]]:
    """The two messages of a turn."""
    return [
        {"role": "user", "content": question},
        {"role": "assistant", "content": answer, "answer_id": str(uuid.uuid4())},
    ]
