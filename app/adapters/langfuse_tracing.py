"""Langfuse tracing through its LangChain callback. It never slows or fails an answer:
spans are queued in memory and sent by a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from typing import Any

import structlog

from app.core.errors import ConfigError

log = structlog.get_logger(__name__)
_FLUSH_S = 3.0
_SEND_S = 2


class LangfuseTracer:
    """Gives a callback handler for each question.

    Args:
        public_key: Of the Langfuse project.
        secret_key: Of the Langfuse project.
        host: Address of the server; None means Langfuse's cloud.
    """

    def __init__(self, public_key: str, secret_key: str, host: str | None) -> None:
        try:
            from langfuse import Langfuse
            from langfuse.langchain import CallbackHandler
            from opentelemetry.sdk.trace import TracerProvider
        except ImportError as error:
            raise ConfigError(
                "Langfuse needs the extra `server`", hint="pip install 'footnote-rag[server]'"
            ) from error
        self._handler_type = CallbackHandler
        self._public_key = public_key
        address = {"base_url": host} if host else {}
        self._client = Langfuse(
            public_key=public_key,
            secret_key=secret_key,
            timeout=_SEND_S,
            # The provider that Langfuse makes would wait for its thread when the process ends.
            tracer_provider=TracerProvider(shutdown_on_exit=False),
            **address,
        )

    def __call__(self) -> Sequence[Any]:
        """The callbacks of one question; none when Langfuse cannot make one."""
        try:
            return [self._handler_type(public_key=self._public_key)]
        except Exception:
            log.warning("tracing.failed", exc_info=True)
            return []

    async def close(self) -> None:
        """Send what is queued, for a few seconds at the most."""
        # A daemon, as no thread that is not one can be left behind.
        sending = threading.Thread(target=self._send_rest, name="langfuse-rest", daemon=True)
        sending.start()
        await asyncio.to_thread(sending.join, _FLUSH_S)
        if sending.is_alive():
            log.warning("tracing.unsent", hint="check LANGFUSE_HOST")

    def _send_rest(self) -> None:
        try:
            self._client.shutdown()
        except Exception:
            log.warning("tracing.flush_failed", exc_info=True)
