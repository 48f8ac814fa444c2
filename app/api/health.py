"""`/healthz`, `/readyz`, `/metrics`: for those who run the service."""

from __future__ import annotations

import structlog
from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST

from app.api.door import TheDoor
from app.api.problems import Problem, answer

router = APIRouter(tags=["health"])
log = structlog.get_logger(__name__)


@router.head("/healthz", include_in_schema=False)
@router.get("/healthz", summary="Alive")
async def healthz() -> dict[str, str]:
    """The process answers."""
    return {"status": "ok"}


@router.head("/readyz", include_in_schema=False, response_model=None)
@router.get("/readyz", summary="Ready", response_model=None)
async def readyz(request: Request, door: TheDoor) -> Response:
    """Part by part, `ok`, `degraded` or `down`; 503 when a part is down.

    A part that is degraded costs time or quality, not the answer. Why, the log says:
    this route is open to everyone.
    """
    reasons = await door.footnote.readiness()
    parts = {name: _state(reason) for name, reason in reasons.items()}
    down = [name for name, state in parts.items() if state == "down"]
    if not down:
        return JSONResponse({"ready": True, "parts": parts})
    log.warning("not ready", parts=reasons)
    problem = Problem(
        503,
        f"Not ready: {', '.join(down)}.",
        headers={"Retry-After": "5"},
        members={"ready": False, "parts": parts},
    )
    return answer(request.scope, problem)


@router.get("/metrics", summary="Metrics", response_class=Response)
def metrics(door: TheDoor) -> Response:
    """Counters and timings in Prometheus' text format."""
    return Response(door.metrics.exposition(), media_type=CONTENT_TYPE_LATEST)


def _state(reason: str) -> str:
    if reason == "ok":
        return "ok"
    return "degraded" if reason.startswith("degraded") else "down"
