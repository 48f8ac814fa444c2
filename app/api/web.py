"""The web page: files of `app/web`, at `/` and under `/static/`."""

from __future__ import annotations

import mimetypes
import os
from importlib.resources import files

from fastapi import APIRouter, Request, Response
from starlette.exceptions import HTTPException
from starlette.staticfiles import StaticFiles

from app.api.problems import Refused


class WebFiles(StaticFiles):
    """Static files, without the package's own Python files."""

    def lookup_path(self, path: str) -> tuple[str, os.stat_result | None]:
        """Where a file lies, and its size and date."""
        if path.endswith((".py", ".pyc")):
            return "", None
        return super().lookup_path(path)


def web_files() -> WebFiles:
    """The files of `app/web`."""
    mimetypes.init()  # reads files: now, not during the first request
    return WebFiles(directory=str(files("app") / "web"), html=True)


def web_router(web: WebFiles) -> APIRouter:
    """`GET /`."""
    router = APIRouter(include_in_schema=False)

    @router.head("/", response_model=None)
    @router.get("/", response_model=None)
    async def page(request: Request) -> Response:
        try:
            return await web.get_response("index.html", request.scope)
        except HTTPException as error:
            text = "The web page is not part of this installation; the API is under /v1."
            raise Refused(404, text) from error

    return router
