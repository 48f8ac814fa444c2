"""The model gateway: prompt name in, reply out.

First form: one model. Routing, circuit breaking, fallback models and prompt experiments
have their place here, behind the same three methods.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from app.core.errors import PermanentError, TransientError
from app.core.ports import ChatModel
from app.core.run import Run
from app.core.types import Completion, Usage
from prompts import PromptRegistry

M = TypeVar("M", bound=BaseModel)


class PromptGateway:
    """Renders the active version of a prompt, asks the model, keeps the account."""

    def __init__(self, model: ChatModel, prompts: PromptRegistry, *, timeout_s: float) -> None:
        self._model = model
        self._prompts = prompts
        self._timeout_s = timeout_s

    async def text(self, prompt: str, run: Run, **variables: object) -> str:
        """The reply to a prompt, stripped."""
        return (await self._complete(prompt, run, json=False, **variables)).text.strip()

    async def structured(self, prompt: str, shape: type[M], run: Run, **variables: object) -> M:
        """The reply to a prompt that asks for JSON, checked against `shape`."""
        reply = await self._complete(prompt, run, json=True, **variables)
        try:
            return shape.model_validate_json(_bare(reply.text))
        except ValidationError as error:
            raise PermanentError("the chat model's reply is not the JSON asked for") from error

    async def stream(
        self, prompt: str, run: Run, **variables: object
    ) -> AsyncGenerator[Completion, None]:
        """The reply to a prompt in pieces, none later than the timeout or the deadline."""
        messages = self._begin(prompt, run, variables)
        async with aclosing(self._model.stream(messages)) as pieces:
            while True:
                try:
                    async with asyncio.timeout(self._patience(run)):
                        piece = await anext(pieces)
                except StopAsyncIteration:
                    return
                except TimeoutError as error:
                    raise TransientError("the chat model took too long") from error
                run.spend(piece.usage)
                yield piece

    async def close(self) -> None:
        """Close connections."""
        await self._model.close()

    async def _complete(
        self, prompt: str, run: Run, *, json: bool, **variables: object
    ) -> Completion:
        messages = self._begin(prompt, run, variables)
        try:
            async with asyncio.timeout(self._patience(run)):
                reply = await self._model.complete(messages, json=json)
        except TimeoutError as error:
            raise TransientError("the chat model took too long") from error
        run.spend(reply.usage)
        return reply

    def _begin(
        self, prompt: str, run: Run, variables: dict[str, object]
    ) -> Sequence[dict[str, str]]:
        refusal = run.refusal()
        if refusal:
            raise TransientError(refusal)
        rendered = self._prompts.render(prompt, **variables)
        run.prompt_versions[rendered.name] = rendered.version
        run.spend(Usage(llm_calls=1))
        return rendered.messages

    def _patience(self, run: Run) -> float:
        return max(0.0, min(self._timeout_s, run.remaining_s()))


def _bare(reply: str) -> str:
    """The JSON object without the code fence or preface that some models put around it."""
    return reply[reply.find("{") : reply.rfind("}") + 1]
