"""What the routes share: the service, the settings, the counters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, cast

from fastapi import APIRouter, Depends, Request, Security
from fastapi.security import HTTPBearer

from app.api.limits import Slots
from app.api.metrics import Metrics
from app.core.settings import Settings
from app.core.types import Scope

if TYPE_CHECKING:
    from app.service import Footnote

PROBLEM: dict[int | str, dict[str, Any]] = {
    "default": {
        "description": "An error (RFC 9457)",
        "content": {
            "application/problem+json": {
                "example": {"title": "Not Found", "status": 404, "detail": "no such document"}
            }
        },
    }
}
OPENAI_ERROR: dict[int | str, dict[str, Any]] = {
    "default": {
        "description": "An error in OpenAI's shape",
        "content": {
            "application/json": {
                "example": {
                    "error": {
                        "message": "…",
                        "type": "invalid_request_error",
                        "param": None,
                        "code": None,
                    }
                }
            }
        },
    }
}


@dataclass
class Door:
    """Made with the app; the service comes in when the app starts."""

    settings: Settings
    metrics: Metrics
    slots: Slots
    opened: int
    service: Footnote | None = None

    @property
    def footnote(self) -> Footnote:
        """The service."""
        if self.service is None:
            raise RuntimeError("the app answers before its lifespan has opened the service")
        return self.service

    def scope(self, filters: Mapping[str, str | Sequence[str]] | None = None) -> Scope:
        """What callers of this API may see, narrowed by filters."""
        return Scope(self.settings.api.tenant, filters or {})


async def _door(request: Request) -> Door:
    return cast(Door, request.app.state.door)


TheDoor = Annotated[Door, Depends(_door)]


def v1_router(tag: str, errors: dict[int | str, dict[str, Any]] = PROBLEM) -> APIRouter:
    """A router under `/v1`. The key is checked in `auth.py`; here it is only documented."""
    key = Security(HTTPBearer(auto_error=False, description="needed where a key is set"))
    return APIRouter(prefix="/v1", tags=[tag], responses=errors, dependencies=[key])
