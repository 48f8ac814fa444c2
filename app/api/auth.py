"""Who may come in: whoever sends the key, or anyone where none is set.

All paths want the key but those listed here, so a route that is added later is closed
until someone opens it on purpose.
"""

from __future__ import annotations

import hmac

from pydantic import SecretStr
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.paths import route_path
from app.api.problems import Refused

OPEN = frozenset({"/", "/healthz", "/readyz", "/metrics", "/docs", "/openapi.json", "/favicon.ico"})


def is_open(scope: Scope) -> bool:
    """Whether a path is for everyone."""
    path = route_path(scope)
    return path in OPEN or path.startswith("/static/")


class RequireKey:
    """Middleware: 401 without `Authorization: Bearer <key>`.

    Args:
        key: The key; None or empty lets everyone in.
    """

    def __init__(self, app: ASGIApp, key: SecretStr | None) -> None:
        self.app = app
        self._key = key.get_secret_value().encode() if key else b""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on if it may come in."""
        if self._key and scope["type"] == "http" and not is_open(scope):
            self._check(Headers(scope=scope).get("authorization", ""))
        await self.app(scope, receive, send)

    def _check(self, authorization: str) -> None:
        scheme, _, given = authorization.partition(" ")
        # Headers are decoded as Latin-1: encoding so gives back the bytes that were sent.
        matches = hmac.compare_digest(given.strip().encode("latin-1"), self._key)
        if scheme.lower() != "bearer" or not matches:
            raise Refused(
                401,
                "The API key is missing or wrong. Send it as Authorization: Bearer <key>.",
                code="invalid_api_key",
                headers={"WWW-Authenticate": "Bearer"},
            )
