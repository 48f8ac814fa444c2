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


@router.api_route("/healthz", methods=["GET", "HEAD"], summary="Alive")
async def healthz() -> dict[str, str]:
    """The process answers."""
    return {"status": "ok"}


@router.api_route("/readyz", methods=["GET", "HEAD"], summary="Ready", response_model=None)
async def readyz(request: Request, door: TheDoor) -> Response:
    """Part by part, whether the service can answer; 503 when a part it needs is not well.

    A part that is degraded costs time or quality, not the answer.
    """
    parts = await door.footnote.readiness()
    down = [name for name, state in parts.items() if not _well(state)]
    if not down:
        return JSONResponse({"ready": True, "parts": parts})
    log.warning("not ready", parts=parts)
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


def _well(state: str) -> bool:
    return state == "ok" or state.startswith("degraded")
