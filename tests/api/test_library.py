"""Search, documents, conversations and feedback over HTTP."""

from __future__ import annotations

import httpx
import pytest

from app.core.exchange import Feedback
from app.core.types import Scope
from tests.api.scripted import PASSAGE, TEXT, Scripted
from tests.api.serving import Serve


async def test_search_brings_passages_with_the_scores_of_every_stage(
    http: httpx.AsyncClient, scripted: Scripted
) -> None:
    response = await http.post(
        "/v1/search", json={"query": "leave", "k": 3, "filters": {"team": "hr"}}
    )
    assert response.json() == {"passages": [PASSAGE.model_dump(mode="json")]}
    assert scripted.searched == [("leave", Scope("default", {"team": "hr"}), 3)]


async def test_every_read_is_confined_to_the_tenant(serve: Serve, scripted: Scripted) -> None:
    async with httpx.AsyncClient(base_url=await serve(tenant="acme")) as http:
        await http.post("/v1/search", json={"query": "leave"})
        for path in ("/v1/documents", "/v1/documents/d-1", "/v1/documents/d-1/text"):
            assert (await http.get(path)).status_code == 200
        assert (await http.delete("/v1/documents/d-1")).status_code == 204
        said = (await http.get("/v1/conversations/c-1")).json()["messages"]
    assert [scope.tenant for scope in scripted.store.scopes] == ["acme"] * 4
    assert scripted.searched[0][1].tenant == "acme"
    assert said[0]["content"] == "asked in c-1 of acme"


async def test_pages_of_documents_cover_all_of_them_once(
    http: httpx.AsyncClient, scripted: Scripted
) -> None:
    seen: list[str] = []
    more = True
    while more:
        query = {"limit": 2, "offset": len(seen)}
        page = (await http.get("/v1/documents", params=query)).json()
        seen += [document["document_id"] for document in page["data"]]
        more = page["has_more"]
    assert seen == ["d-0", "d-1", "d-2", "d-3", "d-4"]
    scripted.store.titles = 4
    assert (await http.get("/v1/documents?limit=4")).json()["has_more"] is False


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "offset=-1", "limit=many"])
async def test_a_page_that_cannot_be_is_refused(http: httpx.AsyncClient, query: str) -> None:
    assert (await http.get(f"/v1/documents?{query}")).status_code == 422


async def test_a_quote_can_be_checked_against_the_text(http: httpx.AsyncClient) -> None:
    response = await http.get("/v1/documents/d-0/text")
    assert response.json() == {"document_id": "d-0", "text": TEXT}
    assert response.headers["cache-control"] == "no-store"


async def test_a_deleted_document_is_gone(http: httpx.AsyncClient, scripted: Scripted) -> None:
    assert (await http.delete("/v1/documents/d-1")).status_code == 204
    assert scripted.store.deleted == ["d-1"]


@pytest.mark.parametrize(("method", "suffix"), [("GET", ""), ("GET", "/text"), ("DELETE", "")])
async def test_a_missing_document_is_a_404(
    http: httpx.AsyncClient, method: str, suffix: str
) -> None:
    response = await http.request(method, f"/v1/documents/d-99{suffix}")
    assert response.status_code == 404
    assert response.headers["content-type"] == "application/problem+json"


async def test_a_conversation_can_be_read_and_forgotten(http: httpx.AsyncClient) -> None:
    path = "/v1/conversations/team%2F7 ü"
    conversation = (await http.get(path)).json()
    assert conversation["conversation_id"] == "team/7 ü"
    assert conversation["messages"][0]["role"] == "user"
    assert (await http.delete(path)).status_code == 204
    assert (await http.get(path)).status_code == 404


async def test_feedback_is_kept(http: httpx.AsyncClient, scripted: Scripted) -> None:
    response = await http.post(
        "/v1/feedback", json={"answer_id": "a-1", "rating": -1, "comment": "wrong page"}
    )
    assert response.status_code == 204
    assert scripted.rated == [Feedback(answer_id="a-1", rating=-1, comment="wrong page")]


@pytest.mark.parametrize("rating", [0, 2, "up", None])
async def test_a_rating_is_one_or_minus_one(http: httpx.AsyncClient, rating: object) -> None:
    response = await http.post("/v1/feedback", json={"answer_id": "a-1", "rating": rating})
    assert response.status_code == 422
