"""How much is accepted: requests of a client, bytes of a body, answers at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.auth import is_open, is_operator
from app.api.problems import Refused
from app.core.ports import RateLimiter


class RateLimit:
    """Middleware: 429 with `Retry-After` when a client asks too often.

    Args:
        limiter: Gives the limiter; called per request, as the service opens later.
    """

    def __init__(self, app: ASGIApp, limiter: Callable[[], RateLimiter]) -> None:
        self.app = app
        self._limiter = limiter

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Count the request, then pass it on."""
        if scope["type"] == "http" and not is_open(scope) and not is_operator(scope):
            client = scope.get("client") or ("unknown", 0)
            wait = await self._limiter().hit(client[0])
            if wait > 0:
                raise Refused(
                    429,
                    "Too many requests. Wait as long as Retry-After says.",
                    code="rate_limit_exceeded",
                    retry_after_s=wait,
                )
        await self.app(scope, receive, send)


class BodyLimit:
    """Middleware: 413 for a body that is declared, or turns out, larger than allowed.

    What a client goes on sending after that is thrown away by the server.
    """

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self.app = app
        self.max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with a body that stops at the limit."""
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        if int(Headers(scope=scope).get("content-length", 0)) > self.max_bytes:
            raise self._too_large()
        seen = 0

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > self.max_bytes:
                raise self._too_large()
            return message

        await self.app(scope, counted, send)

    def _too_large(self) -> Refused:
        megabytes = self.max_bytes / (1024 * 1024)
        return Refused(413, f"The body is larger than {megabytes:g} MB. Send less.")


class Slots:
    """How many answers may be in the making at once."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._taken = 0

    @contextmanager
    def one(self) -> Iterator[None]:
        """Hold a slot. Raises Refused (503) when none is free."""
        if self._taken >= self._limit:
            raise Refused(
                503, "Too many answers are in the making. Try again soon.", retry_after_s=1.0
            )
        self._taken += 1
        try:
            yield
        finally:
            self._taken -= 1
