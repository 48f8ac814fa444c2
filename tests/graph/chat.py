"""What the scripted chat model says to each prompt."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from tests.support.scripted_openai import (
    Behaviour,
    CutStream,
    Hang,
    Received,
    Reply,
    ScriptedOpenAI,
    Status,
)

OPENINGS = {
    "condense": "You rewrite the last question",
    "rewrite": "You write search queries",
    "hyde": "You write the passage",
    "decompose": "You split a question",
    "filters": "You read a question",
    "generate": "You answer a question using",
    "verify": "You check whether passages prove",
}
"""How the system prompt of each prompt begins."""

Line = Behaviour | str | dict[str, Any] | Callable[[Received], Behaviour | str | dict[str, Any]]

_PASSAGE = re.compile(r'<passage number="(\d+)"[^>]*>(.*?)</passage', re.DOTALL)
_WANTED = re.compile(r"\[#([^\]]+)\]")


class Chat:
    """Lines for each prompt; the last line of a prompt is said again and again.

    In a line, `[#words]` becomes the mark of the passage that holds these words.
    """

    def __init__(self, server: ScriptedOpenAI, **lines: Line | list[Line]) -> None:
        self.server = server
        self._lines = {
            prompt: list(said) if isinstance(said, list) else [said]
            for prompt, said in lines.items()
        }
        assert self._lines.keys() <= OPENINGS.keys()
        server.requests.clear()
        server.always(self._say)

    def asked(self, prompt: str) -> list[Received]:
        """The requests that this prompt made."""
        return self.server.asked(OPENINGS[prompt])

    @property
    def prompts(self) -> list[str]:
        """The prompts that were asked, in order."""
        return [_prompt(request) for request in self.server.requests]

    def _say(self, received: Received) -> Behaviour | None:
        lines = self._lines.get(_prompt(received))
        if not lines:
            return None
        line = lines.pop(0) if len(lines) > 1 else lines[0]
        said = line(received) if callable(line) else line
        behaviour = Reply(said) if isinstance(said, (str, dict)) else said
        return _marked(behaviour, received)


def supported(received: Received) -> dict[str, Any]:
    """The verifier's yes."""
    return {"reason": "", "supported": True}


def unsupported(reason: str) -> dict[str, Any]:
    """The verifier's no."""
    return {"reason": reason, "supported": False}


def _prompt(received: Received) -> str:
    return next(name for name, opening in OPENINGS.items() if opening in received.system)


def _marked(behaviour: Behaviour, received: Received) -> Behaviour:
    passages = _PASSAGE.findall(received.user)

    def mark(wanted: re.Match[str]) -> str:
        return next(f"[{number}]" for number, text in passages if wanted.group(1) in text)

    if isinstance(behaviour, Reply) and isinstance(behaviour.body, str):
        return replace(behaviour, body=_WANTED.sub(mark, behaviour.body))
    if isinstance(behaviour, (CutStream, Hang)):
        return replace(behaviour, text=_WANTED.sub(mark, behaviour.text))
    return behaviour


__all__ = ["Chat", "Line", "Status", "supported", "unsupported"]
