"""The official client's own implementation of Qdrant's API, behind a port for other processes.

Just the calls that an ingestion makes. What it is asked runs one after the other.
"""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from types import TracebackType
from typing import Any, Self

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import Response
from pydantic import BaseModel
from qdrant_client import AsyncQdrantClient
from qdrant_client import models as m


class SharedQdrant:
    """Use it as a context manager; `.url` is what FOOTNOTE_QDRANT__URL wants.

    While `.may_switch` is cleared, requests that would show a new version wait, in vain;
    `.switches` counts them.
    """

    def __init__(self) -> None:
        self.client = AsyncQdrantClient(":memory:")
        self.may_switch = threading.Event()
        self.may_switch.set()
        self.switches = 0

    def __enter__(self) -> Self:
        listening = socket.socket()
        listening.bind(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        config = uvicorn.Config(self._app(), log_level="error", lifespan="off")
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, args=([listening],), daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self.may_switch.set()
        self._server.should_exit = True
        self._thread.join()

    def points(self) -> int:
        """How many there are, seen and unseen."""
        local: Any = self.client._client
        return sum(collection.count().count for collection in local.collections.values())

    def _app(self) -> FastAPI:
        app = FastAPI(openapi_url=None)

        @app.get("/")
        async def version() -> dict[str, str]:
            return {"title": "qdrant", "version": "1.20.0", "commit": ""}

        @app.get("/aliases")
        async def aliases() -> Response:
            return _answer(await self.client.get_aliases())

        @app.get("/collections")
        async def collections() -> Response:
            return _answer(await self.client.get_collections())

        @app.api_route("/collections/{name}", methods=["GET", "PUT"])
        @app.api_route("/collections/{name}/{call:path}", methods=["GET", "PUT", "POST"])
        async def route(name: str, request: Request, call: str = "") -> Response:
            body = json.loads(await request.body() or b"{}")
            if call == "points/batch":
                self.switches += 1
                if not self.may_switch.is_set():
                    await asyncio.to_thread(self.may_switch.wait)
                    return Response(status_code=503)
            return _answer(await self._obey(f"{request.method} {call}".strip(), name, body))

        return app

    async def _obey(self, call: str, name: str, body: dict[str, Any]) -> Any:
        client = self.client
        match call:
            case "GET":
                return await client.get_collection(name)
            case "GET exists":
                return {"exists": await client.collection_exists(name)}
            case "PUT":
                wanted = m.CreateCollection.model_validate(body)
                return await client.create_collection(
                    name,
                    vectors_config=wanted.vectors,
                    sparse_vectors_config=wanted.sparse_vectors,
                    metadata=wanted.metadata,
                )
            case "PUT index":
                return m.UpdateResult(operation_id=0, status=m.UpdateStatus.COMPLETED)
            case "PUT points":
                return await client.upsert(name, m.PointsList.model_validate(body).points)
            case "POST points/scroll":
                asked = m.ScrollRequest.model_validate(body)
                points, after = await client.scroll(
                    name,
                    asked.filter,
                    limit=asked.limit or 10,
                    offset=asked.offset,
                    with_payload=asked.with_payload or False,
                )
                return m.ScrollResult(points=points, next_page_offset=after)
            case "POST points/count":
                return await client.count(name, m.CountRequest.model_validate(body).filter)
            case "POST points/batch":
                operations = m.UpdateOperations.model_validate(body).operations
                return await client.batch_update_points(name, operations)
            case "POST points/payload":
                change = m.SetPayload.model_validate(body)
                points_of: Any = change.filter or change.points
                return await client.set_payload(name, change.payload, points_of)
            case "POST points/delete":
                return await client.delete(name, m.FilterSelector.model_validate(body))
        raise AssertionError(f"nobody has asked {call} before")


def _answer(found: Any) -> Response:
    answer = {"result": _plain(found), "status": "ok", "time": 0.0}
    return Response(json.dumps(answer), media_type="application/json")


def _plain(found: Any) -> Any:
    if isinstance(found, list):
        return [_plain(one) for one in found]
    return found.model_dump(mode="json") if isinstance(found, BaseModel) else found
