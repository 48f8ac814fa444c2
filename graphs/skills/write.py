"""Evidence to an answer in a chat model's words, sentence by sentence."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from app.core.ports import Gateway
from app.core.run import Run
from app.core.text import WORD
from graphs.context import DraftSentence, Evidence
from graphs.skills.split import MARK, SentenceStream

NO_ANSWER = "NO ANSWER"
_BULLETS = re.compile(r"^(?:[-*•]\s+)+")


class ModelWriter:
    """Lets the chat model write; its marks say which evidence it means."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    async def write(
        self, question: str, evidence: Sequence[Evidence], feedback: str, run: Run
    ) -> AsyncGenerator[DraftSentence, None]:
        """Sentences as they are completed. Raises what the gateway raises."""
        passages = [
            {
                "number": e.number,
                "title": e.passage.title,
                "heading": e.passage.heading,
                "text": e.text,
            }
            for e in evidence
        ]
        stream = self._gateway.stream(
            "generate", run, question=question, passages=passages, feedback=feedback
        )
        sentences, truncated = SentenceStream(), False
        async with aclosing(stream) as pieces:
            async for piece in pieces:
                truncated = truncated or piece.truncated
                for sentence in sentences.feed(piece.text):
                    if drafted := _drafted(sentence):
                        yield drafted
        if truncated:  # what is left is half a sentence
            run.skip("generate", "the reply was cut at chat.max_output_tokens")
            return
        for sentence in sentences.end():
            if drafted := _drafted(sentence):
                yield drafted


def _drafted(sentence: str) -> DraftSentence | None:
    numbers = [int(n) for marks in MARK.findall(sentence) for n in marks.split(",")]
    text = _BULLETS.sub("", MARK.sub("", sentence).strip())
    if not WORD.search(text) or text.strip(" .*").upper() == NO_ANSWER:
        return None
    return DraftSentence(text, numbers=list(dict.fromkeys(numbers)))
