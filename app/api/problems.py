"""Errors to HTTP: the one place that says which error becomes which answer.

OpenAI's error body on the routes that OpenAI clients use, `application/problem+json`
(RFC 9457) everywhere else. A 5xx never carries an exception's text: that goes to the
log, under the request id that the client also gets.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.types import Scope

from app.api.paths import speaks_openai
from app.core.errors import InputError, NotFoundError, TooLargeError, TransientError

RETRY_AFTER_S = 5.0
MAX_RETRY_AFTER_S = 86_400.0
CLIENT_GONE = 499
BROKEN = "Something went wrong on the server. Its log has the details under the request id."
UNAVAILABLE = "The service is busy or waits for one of its parts. Try again soon."


class Refused(HTTPException):
    """The door turns a request away; its text is fit to be shown.

    Args:
        status: The HTTP status.
        detail: Why, and what to do.
        code: A word for programs, as OpenAI's errors carry it.
        retry_after_s: Seconds until the request may succeed.
        headers: Further headers of the answer.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        code: str | None = None,
        retry_after_s: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        wait = {} if retry_after_s is None else _retry_after(retry_after_s)
        super().__init__(status, detail, {**wait, **(headers or {})})
        self.code = code


class ClientGone(Exception):
    """The client left before its answer was ready."""


@dataclass(frozen=True, slots=True)
class Problem:
    """What the outside learns about an error."""

    status: int
    detail: str
    code: str | None = None
    param: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    members: Mapping[str, object] = field(default_factory=dict)


def problem_of(error: Exception) -> Problem:
    """The answer to an error."""
    match error:
        case RequestValidationError():
            return _invalid(error.errors())
        case HTTPException():
            known = error.status_code < 500 or isinstance(error, Refused)
            return Problem(
                error.status_code,
                error.detail if known else BROKEN,
                code=getattr(error, "code", None),
                headers=error.headers or {},
            )
        case TooLargeError():
            return Problem(413, str(error))
        case InputError():
            return Problem(400, str(error))
        case NotFoundError():
            return Problem(404, str(error), code=getattr(error, "code", None))
        case TransientError():
            wait = RETRY_AFTER_S if error.retry_after_s is None else error.retry_after_s
            return Problem(503, UNAVAILABLE, headers=_retry_after(wait))
        case ClientGone():
            return Problem(CLIENT_GONE, "the client left")
        case _:
            return Problem(500, BROKEN)


def answer(scope: Scope, problem: Problem) -> JSONResponse:
    """The problem in the shape that the route's clients expect."""
    headers = dict(problem.headers)
    if speaks_openai(scope):
        status = 400 if problem.status == 422 else problem.status  # as OpenAI does
        return JSONResponse(openai_error(problem), status, headers)
    body = {
        "type": "about:blank",
        "title": _title(problem.status),
        "status": problem.status,
        "detail": problem.detail,
        "request_id": scope.get("state", {}).get("request_id"),
        **problem.members,
    }
    return JSONResponse(body, problem.status, headers, media_type="application/problem+json")


def openai_error(problem: Problem) -> dict[str, Any]:
    """OpenAI's error body; also the last event of a stream that broke."""
    kinds = {401: "authentication_error", 429: "rate_limit_error"}
    kind = "server_error" if problem.status >= 500 else "invalid_request_error"
    return {
        "error": {
            "message": problem.detail,
            "type": kinds.get(problem.status, kind),
            "param": problem.param,
            "code": problem.code,
        }
    }


def _invalid(faults: Sequence[Any]) -> Problem:
    """Faults of a body or a query, without the values that were sent."""
    told = [{"loc": list(fault["loc"]), "msg": _message(fault)} for fault in faults]
    where = ".".join(str(part) for part in faults[0]["loc"][1:]) if faults else ""
    if faults and faults[0]["type"] == "json_invalid":
        return Problem(400, "The body is not JSON.")
    text = "; ".join(f"{'.'.join(map(str, f['loc'][1:])) or 'body'}: {f['msg']}" for f in told)
    return Problem(422, text, param=where or None, members={"errors": told})


def _message(fault: Mapping[str, Any]) -> str:
    if tuple(fault["loc"]) == ("body",) and fault["type"].endswith("_type"):
        return "send a JSON object, with the header Content-Type: application/json"
    text: str = fault["msg"]
    return text.removeprefix("Value error, ")


def _retry_after(seconds: float) -> dict[str, str]:
    return {"Retry-After": str(math.ceil(min(max(seconds, 1.0), MAX_RETRY_AFTER_S)))}


def _title(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Client Closed Request"
