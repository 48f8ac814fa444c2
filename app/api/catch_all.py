"""Errors on their way out: into the log, and into an answer."""

from __future__ import annotations

import structlog
from fastapi import Request
from fastapi.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.problems import Problem, Refused, answer, problem_of
from app.core.errors import FootnoteError

log = structlog.get_logger(__name__)


def report(error: Exception, problem: Problem) -> None:
    """Write to the log what the client is not told."""
    if problem.status >= 500 and not isinstance(error, Refused):
        known = isinstance(error, FootnoteError)
        log.error("request failed", status=problem.status, known=known, exc_info=error)


async def handle(request: Request, error: Exception) -> JSONResponse:
    """FastAPI's hook for the errors that it would otherwise word itself."""
    problem = problem_of(error)
    report(error, problem)
    return answer(request.scope, problem)


class CatchAll:
    """Middleware: whatever a route or an inner middleware raises becomes an answer."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; answer what it raises."""
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self.app(scope, receive, watched)
        except Exception as error:
            problem = problem_of(error)
            report(error, problem)
            if scope["type"] != "http":
                raise
            if not started:
                await answer(scope, problem)(scope, receive, send)
