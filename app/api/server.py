"""The HTTP door, put together. Nothing is opened before the app starts."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware

from app import __version__
from app.api import (
    chat,
    conversations,
    docs,
    documents,
    feedback,
    health,
    jobs,
    models,
    operator,
    search,
    uploads,
)
from app.api.auth import RequireKey
from app.api.catch_all import CatchAll, handle
from app.api.door import Door
from app.api.limits import BodyLimit, RateLimit, Slots
from app.api.metrics import Metrics, Observe
from app.api.request_id import RequestId
from app.api.security import SecurityHeaders
from app.api.web import web_files, web_router
from app.core.settings import Settings

if TYPE_CHECKING:
    from app.service import Footnote

ROUTERS = tuple(
    module.router
    for module in (
        chat,
        models,
        search,
        uploads,
        documents,
        jobs,
        conversations,
        feedback,
        health,
        docs,
        operator,
    )
)
MEGABYTE = 1024 * 1024


def create_app(
    footnote_factory: Callable[[], AbstractAsyncContextManager[Footnote]],
    settings: Settings,
    operator_token: str = "",
) -> FastAPI:
    """The app.

    Args:
        footnote_factory: Opens the service when the app starts, closes it when it stops.
        settings: The section `api` is read here.
        operator_token: What opens the operator's routes; empty keeps them closed.
    """
    door = Door(settings, Metrics(), Slots(settings.api.max_concurrent), int(time.time()))

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with footnote_factory() as door.service, door.service.jobs.running():
            yield

    app = FastAPI(
        title="Footnote",
        version=__version__,
        description="Answers from your own documents, every sentence proved.",
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
        middleware=_middleware(door, operator_token),
        exception_handlers={HTTPException: handle, RequestValidationError: handle},
    )
    app.state.door = door
    for router in ROUTERS:
        app.include_router(router)
    web = web_files()
    app.include_router(web_router(web))
    app.mount("/static", web)
    return app


def _middleware(door: Door, operator_token: str) -> list[Middleware]:
    """What every request passes, outermost first."""
    api = door.settings.api
    return [
        Middleware(RequestId),
        Middleware(SecurityHeaders),
        Middleware(Observe, metrics=door.metrics, routes=frozenset(_templates())),
        Middleware(CatchAll),
        Middleware(RequireKey, key=api.key, operator=operator_token),
        Middleware(RateLimit, limiter=lambda: door.footnote.limiter),
        Middleware(BodyLimit, max_bytes=api.max_body_mb * MEGABYTE),
    ]


def _templates() -> Iterator[str]:
    yield from ("/", "/openapi.json")
    for router in ROUTERS:
        yield from (route.path for route in router.routes if isinstance(route, APIRoute))
