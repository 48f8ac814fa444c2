"""Who may come in: whoever sends the key, or anyone where none is set.

All paths want the key but those listed here, so a route that is added later is closed
until someone opens it on purpose. The operator of this machine, who can read the token
that the server keeps in its data folder, may come in everywhere, and alone under
`/v1/operator`, where work on the machine's own files is handed in.
"""

from __future__ import annotations

import hmac

from pydantic import SecretStr
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.paths import route_path
from app.api.problems import Refused

OPERATOR_PATH = "/v1/operator"
OPEN = frozenset({"/", "/healthz", "/readyz", "/metrics", "/docs", "/openapi.json", "/favicon.ico"})


def is_open(scope: Scope) -> bool:
    """Whether a path is for everyone."""
    path = route_path(scope)
    return path in OPEN or path.startswith("/static/")


def is_operator(scope: Scope) -> bool:
    """Whether the request has shown the operator's token."""
    return bool(scope.get("state", {}).get("operator"))


class RequireKey:
    """Middleware: 401 without `Authorization: Bearer <key>`, or the operator's token.

    Args:
        key: The key; None or empty lets everyone in, but not where only the operator may.
        operator: The operator's token, sent in the key's place; empty: there is none.
    """

    def __init__(self, app: ASGIApp, key: SecretStr | None, operator: str = "") -> None:
        self.app = app
        self._key = key.get_secret_value().encode() if key else b""
        self._operator = operator.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on if it may come in."""
        if scope["type"] == "http" and not is_open(scope):
            given = _bearer(Headers(scope=scope).get("authorization", ""))
            if _same(given, self._operator):
                scope.setdefault("state", {})["operator"] = True
            elif _is_for_operator(scope) or (self._key and not _same(given, self._key)):
                raise Refused(
                    401,
                    "The API key is missing or wrong. Send it as Authorization: Bearer <key>.",
                    code="invalid_api_key",
                    headers={"WWW-Authenticate": "Bearer"},
                )
        await self.app(scope, receive, send)


def _bearer(authorization: str) -> bytes:
    scheme, _, given = authorization.partition(" ")
    # Headers are decoded as Latin-1: encoding so gives back the bytes that were sent.
    return given.strip().encode("latin-1") if scheme.lower() == "bearer" else b""


def _same(given: bytes, wanted: bytes) -> bool:
    return bool(wanted) and hmac.compare_digest(given, wanted)


def _is_for_operator(scope: Scope) -> bool:
    return f"{route_path(scope)}/".startswith(f"{OPERATOR_PATH}/")
