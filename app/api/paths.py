"""What a request's path says, without the prefix that a proxy may put in front."""

from __future__ import annotations

from starlette.types import Scope


def speaks_openai(scope: Scope) -> bool:
    """Whether the route is one that OpenAI clients use."""
    path = route_path(scope)
    return path == "/v1/chat/completions" or f"{path}/".startswith("/v1/models/")


def route_path(scope: Scope) -> str:
    """The path of a request without the prefix that a proxy put in front."""
    path: str = scope["path"]
    return path.removeprefix(scope.get("root_path", "").rstrip("/"))
