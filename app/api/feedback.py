"""`POST /v1/feedback`: a reader's judgement of an answer."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from app.api.door import TheDoor, v1_router
from app.api.fields import Name, Text
from app.core.exchange import Feedback

router = v1_router("feedback")


class FeedbackRequest(BaseModel):
    """Thumbs up (1) or down (-1), and why."""

    model_config = ConfigDict(extra="forbid")

    answer_id: Name
    rating: Literal[-1, 1]
    comment: Text = Field("", max_length=10_000)


@router.post("/feedback", status_code=204, summary="Rate an answer")
async def feedback(body: FeedbackRequest, door: TheDoor) -> None:
    """Keep a judgement of an answer."""
    given = Feedback(answer_id=body.answer_id, rating=body.rating, comment=body.comment)
    await door.footnote.feedback(given, door.settings.api.tenant)
