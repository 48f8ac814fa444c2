"""`GET /v1/models`: what a client may name."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel

from app.api.door import OPENAI_ERROR, Door, TheDoor, v1_router
from app.api.openai_request import MODEL, check_model

router = v1_router("chat", OPENAI_ERROR)


class ModelCard(BaseModel):
    """A model as OpenAI lists it."""

    id: str = MODEL
    object: Literal["model"] = "model"
    created: int
    owned_by: str = "footnote"


class ModelList(BaseModel):
    """All models: one."""

    object: Literal["list"] = "list"
    data: list[ModelCard]


@router.get("/models", summary="Models")
async def models(door: TheDoor) -> ModelList:
    """The models that a client may name."""
    return ModelList(data=[_card(door)])


@router.get("/models/{model:path}", summary="One model")
async def model(model: str, door: TheDoor) -> ModelCard:
    """One model by name."""
    check_model(model)
    return _card(door)


def _card(door: Door) -> ModelCard:
    return ModelCard(created=door.opened)
