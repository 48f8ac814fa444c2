"""`/v1/documents`: what is in the index, and its removal."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query
from pydantic import BaseModel

from app.api.door import TheDoor, v1_router
from app.api.fields import Name
from app.core.types import Document

router = v1_router("documents")

Limit = Annotated[int, Query(ge=1, le=1000, description="documents at most")]
Offset = Annotated[int, Query(ge=0, le=2**31 - 1, description="documents to pass over")]


class DocumentList(BaseModel):
    """A page of documents, in order of title."""

    data: list[Document]
    has_more: bool


class DocumentText(BaseModel):
    """The canonical text, whose characters the citations count."""

    document_id: str
    text: str


@router.get("/documents", summary="Documents")
async def documents(door: TheDoor, limit: Limit = 100, offset: Offset = 0) -> DocumentList:
    """The documents, page by page."""
    store = door.footnote.store
    found = await store.documents(door.scope(), limit=limit + 1, offset=offset)
    return DocumentList(data=found[:limit], has_more=len(found) > limit)


@router.get("/documents/{document_id}", summary="One document")
async def document(document_id: Name, door: TheDoor) -> Document:
    """What is known about a document."""
    return await door.footnote.store.document(document_id, door.scope())


@router.get("/documents/{document_id}/text", summary="A document's text")
async def text(document_id: Name, door: TheDoor) -> DocumentText:
    """The canonical text: a citation's quote stands at its `[start, end)`."""
    content = await door.footnote.text(document_id, door.scope())
    return DocumentText(document_id=document_id, text=content)


@router.delete("/documents/{document_id}", status_code=204, summary="Remove a document")
async def delete(document_id: Name, door: TheDoor) -> None:
    """Remove a document; from now on it answers nothing."""
    await door.footnote.store.delete(document_id, door.scope())
