"""`/v1/conversations`: what was said, and forgetting it."""

from __future__ import annotations

from pydantic import BaseModel

from app.api.door import TheDoor, v1_router
from app.api.fields import Name
from app.core.types import Message

router = v1_router("conversations")


class Conversation(BaseModel):
    """The messages of a conversation, oldest first."""

    conversation_id: str
    messages: list[Message]


@router.get("/conversations/{conversation_id:path}", summary="A conversation")
async def conversation(conversation_id: Name, door: TheDoor) -> Conversation:
    """The messages of a conversation."""
    said = await door.footnote.conversation(conversation_id, door.settings.api.tenant)
    return Conversation(conversation_id=conversation_id, messages=said)


@router.delete(
    "/conversations/{conversation_id:path}", status_code=204, summary="Forget a conversation"
)
async def forget(conversation_id: Name, door: TheDoor) -> None:
    """Remove a conversation and its messages."""
    await door.footnote.forget(conversation_id, door.settings.api.tenant)
