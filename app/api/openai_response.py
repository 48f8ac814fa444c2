"""An answer as OpenAI's clients read it: whole, or in chunks."""

from __future__ import annotations

import json
import time
import uuid
from typing import Any, Literal

from pydantic import BaseModel
from pydantic_core import to_jsonable_python

from app.api.openai_request import MODEL
from app.core.exchange import Step
from app.core.types import Answer, Usage


class AssistantMessage(BaseModel):
    """The answer's text with its marks."""

    role: Literal["assistant"] = "assistant"
    content: str
    refusal: None = None


class Choice(BaseModel):
    """The one choice."""

    index: Literal[0] = 0
    message: AssistantMessage
    logprobs: None = None
    finish_reason: Literal["stop"] = "stop"


class TokenUsage(BaseModel):
    """Tokens of the chat model; 0 where none was called."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int

    @classmethod
    def of(cls, usage: Usage) -> TokenUsage:
        """OpenAI's names for our numbers."""
        into, out = usage.input_tokens, usage.output_tokens
        return cls(prompt_tokens=into, completion_tokens=out, total_tokens=into + out)


class ChatCompletion(BaseModel):
    """The body of a plain answer; `footnote` carries citations, checks and cost."""

    id: str
    object: Literal["chat.completion"] = "chat.completion"
    created: int
    model: str = MODEL
    choices: list[Choice]
    usage: TokenUsage
    footnote: Answer

    @classmethod
    def of(cls, answer: Answer) -> ChatCompletion:
        """The answer in OpenAI's shape."""
        return cls(
            id=_completion_id(),
            created=int(time.time()),
            choices=[Choice(message=AssistantMessage(content=answer.answer))],
            usage=TokenUsage.of(answer.usage),
            footnote=answer,
        )


class Chunks:
    """Writes the chunks of one stream, each a line of JSON.

    ASCII only: clients that split lines the Unicode way would else cut a chunk at a
    U+2028 in the text.

    Args:
        include_usage: As in OpenAI's `stream_options`: usage comes in a chunk of its own
            and is null in the others. Otherwise the closing chunk carries it.
    """

    def __init__(self, *, include_usage: bool) -> None:
        self._usage_apart = include_usage
        self._id = _completion_id()
        self._created = int(time.time())

    def opening(self) -> str:
        """The chunk that says who speaks."""
        return self._chunk({"role": "assistant", "content": ""})

    def text(self, text: str) -> str:
        """A piece of the answer."""
        return self._chunk({"content": text})

    def step(self, step: Step) -> str:
        """A node of the graph has run: no text, only news."""
        told: dict[str, Any] = {"node": step.node, "ms": step.ms}
        if step.details:
            told["details"] = to_jsonable_python(
                step.details, serialize_unknown=True, inf_nan_mode="null", bytes_mode="base64"
            )
        return self._chunk({}, footnote={"step": told})

    def closing(self, answer: Answer) -> list[str]:
        """The chunk with the whole answer, and the one with the usage if asked for."""
        whole = answer.model_dump(mode="json")
        usage = TokenUsage.of(answer.usage).model_dump()
        if not self._usage_apart:
            return [self._chunk({}, finish="stop", footnote=whole, usage=usage)]
        return [
            self._chunk({}, finish="stop", footnote=whole),
            self._write(choices=[], usage=usage),
        ]

    def _chunk(self, delta: dict[str, str], finish: str | None = None, **extra: Any) -> str:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        if self._usage_apart:
            extra["usage"] = None
        return self._write(choices=[choice], **extra)

    def _write(self, **members: Any) -> str:
        head = {
            "id": self._id,
            "object": "chat.completion.chunk",
            "created": self._created,
            "model": MODEL,
        }
        return json.dumps({**head, **members}, separators=(",", ":"))


def missing_text(streamed: str, answer: str) -> str:
    """What must still be sent so that the reader has seen the answer.

    A stream cannot be taken back: where it went another way than the answer (a draft
    that was withdrawn), the answer follows as a paragraph of its own.
    """
    if streamed.strip() == answer.strip():
        return ""
    for seen in (streamed, streamed.rstrip()):
        if answer.startswith(seen):
            return answer[len(seen) :]
    return f"\n\n{answer}"


def _completion_id() -> str:
    return f"chatcmpl-{uuid.uuid4().hex}"
