"""A follow-up question, made to stand alone."""

from __future__ import annotations

import re
from collections.abc import Sequence

from app.core.ports import Gateway
from app.core.run import Run
from app.core.text import STOP_WORDS, words
from app.core.types import Message

_LEANS = re.compile(
    r"^(and|but|or|so|then|also|what about|how about|what if|why|why not)\b|"
    r"\b(it|its|they|them|their|theirs|he|she|him|her|his|this|that|these|those|there|"
    r"the same|the latter|the former|one|ones)\b",
    re.IGNORECASE,
)


class EntityCondenser:
    """Carries the subject of the last question into one that leans on it."""

    async def condense(self, question: str, history: Sequence[Message], run: Run) -> str:
        """The question, with words of the last one where it refers back."""
        before = next((m.content for m in reversed(history) if m.role == "user"), "")
        if not before or not (_LEANS.search(question) or len(words(question)) <= 3):
            return question
        known = set(words(question)) | STOP_WORDS
        carried = [word for word in dict.fromkeys(before.split()) if _bare(word) not in known]
        subject = " ".join(carried).strip(" ?!.,;:")
        return f"{question} ({subject})" if subject else question


class ModelCondenser:
    """Asks the chat model."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    async def condense(self, question: str, history: Sequence[Message], run: Run) -> str:
        """The question as the model puts it. Raises what the gateway raises."""
        turns = [{"role": m.role, "content": m.content} for m in history]
        reply = await self._gateway.text("condense", run, history=turns, question=question)
        return reply or question


def _bare(word: str) -> str:
    return "".join(words(word))
