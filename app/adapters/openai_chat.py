"""Any OpenAI-compatible chat model, through langchain-openai."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from app.core.errors import FootnoteError, PermanentError, TransientError
from app.core.settings import ChatSettings
from app.core.types import Completion, Usage

Messages = Sequence[Mapping[str, str]]


class OpenAIChat:
    """A chat model behind an address.

    Args:
        settings: Model name, limits and prices.
        api_key: Key of the API; local servers often need none.
        base_url: Address of the API; None means OpenAI's own.
    """

    def __init__(self, settings: ChatSettings, *, api_key: str, base_url: str | None) -> None:
        from langchain_openai import ChatOpenAI

        self.name = settings.model
        self._settings = settings
        self._model = ChatOpenAI(
            model=settings.model,
            api_key=api_key or "none",
            base_url=base_url,
            temperature=settings.temperature,
            timeout=settings.timeout_s,
            max_retries=settings.max_retries,
            max_completion_tokens=settings.max_output_tokens,
            stream_usage=True,
        )

    async def complete(self, messages: Messages, *, json: bool) -> Completion:
        """The whole reply; `json` asks for one JSON object."""
        extra: dict[str, Any] = {"response_format": {"type": "json_object"}} if json else {}
        async with _translated():
            reply = await self._model.ainvoke(_plain(messages), **extra)
        return self._completion(reply)

    async def stream(self, messages: Messages) -> AsyncGenerator[Completion, None]:
        """The reply in pieces. A stream that ends without saying so has been cut."""
        finished = False
        async with _translated():
            async for piece in self._model.astream(_plain(messages)):
                finished = finished or bool(piece.response_metadata.get("finish_reason"))
                yield self._completion(piece)
            if not finished:
                raise TransientError("the chat model's reply broke off")

    async def close(self) -> None:
        """Nothing to do: langchain-openai shares its HTTP client between models."""

    def _completion(self, reply: Any) -> Completion:
        counts = reply.usage_metadata
        usage = Usage()
        if counts:
            sent, received = counts["input_tokens"], counts["output_tokens"]
            usage = Usage(
                llm_calls=0,
                input_tokens=sent,
                output_tokens=received,
                cost_usd=self._cost(sent, received),
            )
        truncated = reply.response_metadata.get("finish_reason") == "length"
        return Completion(str(reply.text), usage, truncated)

    def _cost(self, sent: int, received: int) -> float | None:
        prices = (self._settings.input_usd_per_million, self._settings.output_usd_per_million)
        if prices[0] is None or prices[1] is None:
            return None
        return (sent * prices[0] + received * prices[1]) / 1_000_000


@asynccontextmanager
async def _translated() -> AsyncIterator[None]:
    """Errors of the client as ours. No text of theirs goes on: it may hold a key."""
    import openai

    try:
        yield
    except FootnoteError:
        raise
    except openai.RateLimitError as error:
        raise TransientError(
            "the chat model is busy (429)", retry_after_s=_retry_after(error)
        ) from error
    except (TimeoutError, openai.APITimeoutError) as error:
        raise TransientError("the chat model took too long") from error
    except openai.InternalServerError as error:
        raise TransientError(f"the chat model failed ({error.status_code})") from error
    except openai.APIStatusError as error:
        raise PermanentError(
            f"the chat model refused the request ({error.status_code})",
            hint="check OPENAI_API_KEY, OPENAI_BASE_URL and chat.model",
        ) from error
    except Exception as error:
        # Lost links surface as errors of openai, of its HTTP library or of the JSON
        # parser, depending on the byte at which they happen.
        raise TransientError("the link to the chat model broke") from error


def _plain(messages: Messages) -> list[Any]:
    return [dict(message) for message in messages]


def _retry_after(error: Any) -> float | None:
    value = error.response.headers.get("retry-after", "")
    return float(value) if value.replace(".", "", 1).isdigit() else None
