"""`POST /v1/search`: retrieval alone."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from app.api.door import TheDoor, v1_router
from app.api.fields import Filters, PassageCount, Text
from app.core.types import ExplainedPassage, Passage

router = v1_router("search")


class SearchRequest(BaseModel):
    """A query and how many passages it should bring."""

    model_config = ConfigDict(extra="forbid")

    query: Text = Field(min_length=1)
    k: PassageCount | None = Field(None, description="passages at most")
    filters: Filters | None = Field(
        None, description="only documents that match: document_id, source, title or a tag"
    )
    explain: bool = Field(False, description="tell what each voice added to a score")


class SearchResponse(BaseModel):
    """Passages, best first, with the scores of every stage."""

    passages: list[ExplainedPassage | Passage]


@router.post("/search", summary="Search")
async def search(body: SearchRequest, door: TheDoor) -> SearchResponse:
    """Find passages without asking for an answer."""
    found = await door.footnote.search(body.query, door.scope(body.filters), body.k)
    return SearchResponse(passages=[*map(ExplainedPassage.of, found)] if body.explain else [*found])
