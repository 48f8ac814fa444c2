"""What an OpenAI client sends, and the question it becomes."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from app.api.fields import Filters, Name, Text
from app.core.errors import InputError, NotFoundError
from app.core.exchange import Ask
from app.core.types import Message, Scope

MODEL = "footnote"


class UnknownModelError(NotFoundError):
    """A request names a model that is not served."""

    code = "model_not_found"


class Lenient(BaseModel):
    """Part of a request that may hold more than is read, as OpenAI's clients send it."""

    model_config = ConfigDict(extra="ignore")


class TextPart(Lenient):
    """A piece of text; images, audio and files are refused."""

    type: Literal["text"]
    text: Text


class ChatMessage(Lenient):
    """A message; those of the system and the developer are accepted and not used."""

    role: Literal["system", "developer", "user", "assistant"]
    content: Text | list[TextPart] | None = None

    @field_validator("content", mode="before")
    @classmethod
    def _only_text(cls, content: object) -> object:
        if isinstance(content, list):
            for part in content:
                if isinstance(part, dict) and part.get("type") != "text":
                    raise ValueError("only parts of type 'text' are understood")
        return content

    @property
    def text(self) -> str:
        """The content as one string."""
        if isinstance(self.content, list):
            return "".join(part.text for part in self.content)
        return self.content or ""


class StreamOptions(Lenient):
    """`include_usage` asks for a last chunk with the usage."""

    include_usage: bool | None = False


class ResponseFormat(Lenient):
    """Only plain text can be promised."""

    type: Literal["text"]


class Extras(BaseModel):
    """The `footnote` object of a request."""

    model_config = ConfigDict(extra="forbid")

    conversation_id: Name | None = Field(
        None, description="go on with this conversation, whose messages the server keeps"
    )
    filters: Filters | None = Field(
        None, description="only documents that match: document_id, source, title or a tag"
    )
    deadline_ms: int | None = Field(None, ge=1, le=86_400_000, description="time for the answer")
    max_cost_usd: float | None = Field(
        None, ge=0, allow_inf_nan=False, description="budget of model calls"
    )
    trace: bool = Field(False, description="report what every step saw and did")


class ChatRequest(Lenient):
    """The body of `POST /v1/chat/completions`.

    What would change the answer's form and cannot be done is refused; what only tunes a
    model (`temperature`, `max_tokens`, `tools` that need not be used…) is ignored.
    """

    model: str
    messages: list[ChatMessage] = Field(min_length=1)
    stream: bool | None = False
    stream_options: StreamOptions | None = None
    n: Literal[1] | None = None
    tool_choice: Literal["none", "auto"] | None = None
    response_format: ResponseFormat | None = None
    footnote: Extras = Extras()

    @field_validator("footnote", mode="before")
    @classmethod
    def _null_is_absent(cls, extras: object) -> object:
        return {} if extras is None else extras

    @property
    def include_usage(self) -> bool:
        """Whether a stream ends with a chunk of usage."""
        return bool(self.stream_options and self.stream_options.include_usage)


def check_model(name: str) -> None:
    """Raises UnknownModelError."""
    if name != MODEL:
        raise UnknownModelError(f"there is no model of this name here; name {MODEL!r}")


def to_ask(request: ChatRequest, scope: Scope) -> Ask:
    """The question of a request.

    The client's earlier messages are the history unless it names a conversation, whose
    messages the server keeps.

    Raises:
        InputError: The last message is not a question of the user.
        UnknownModelError: The model is not served.
    """
    check_model(request.model)
    *earlier, last = request.messages
    if last.role != "user":
        raise InputError("the last message must be the user's")
    if not last.text.strip():
        raise InputError("the last message is empty", hint="ask a question")
    extras = request.footnote
    return Ask(
        question=last.text,
        scope=scope,
        conversation_id=extras.conversation_id,
        history=None if extras.conversation_id else _history(earlier),
        deadline_ms=extras.deadline_ms,
        max_cost_usd=extras.max_cost_usd,
        trace=extras.trace,
    )


def _history(messages: list[ChatMessage]) -> list[Message]:
    said = (m for m in messages if m.role in ("user", "assistant") and m.text.strip())
    return [Message(role=m.role, content=m.text) for m in said]
