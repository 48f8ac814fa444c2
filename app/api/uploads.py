"""`POST /v1/documents`: documents come in, as files or as text."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Annotated, Any

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from starlette.datastructures import FormData, UploadFile
from starlette.requests import ClientDisconnect

from app.api.door import TheDoor, v1_router
from app.api.fields import Text
from app.api.jobs import JobView
from app.api.problems import ClientGone, Refused
from app.core.jobs import Upload, Work
from app.core.types import MEMBER

router = v1_router("documents")

_MOST_FILES = 1000
_MOST_FIELDS = 100
_NAME_BYTES = 255  # as file systems have it
_TEXT = "text/markdown"  # which plain text is too
_FILES = ("file", "files")
_FIELDS = ("title", "tags")


def _no_member(source: str) -> str:
    if MEMBER in source:
        raise ValueError(f"holds {MEMBER!r}, which marks a file inside another")
    if not source.strip():
        raise ValueError("is blank")
    return source


def _no_path(name: str) -> str:
    """The last component of what a client calls a file, on whatever system."""
    last = name.replace("\\", "/").rpartition("/")[2].strip()
    if last in ("", ".", ".."):
        raise ValueError("a file needs a name")
    if len(last.encode()) > _NAME_BYTES:
        raise ValueError(f"the name of a file is longer than {_NAME_BYTES} bytes")
    return last


Source = Annotated[Text, Field(min_length=1, max_length=1000), AfterValidator(_no_member)]
Title = Annotated[Text, Field(max_length=1000)]
TagName = Annotated[Text, Field(min_length=1, max_length=200)]
Tags = dict[TagName, Annotated[Text, Field(max_length=1000)]]


class TextDocument(BaseModel):
    """A document as text: Markdown or plain."""

    model_config = ConfigDict(extra="forbid")

    source: Source = Field(description="its name; the same name again replaces it")
    title: Title = Field("", description="told from the text where it is empty")
    text: Text = Field(min_length=1)
    tags: Tags = Field(default_factory=dict)


class FileForm(BaseModel):
    """The form around uploaded files."""

    names: list[Annotated[Text, AfterValidator(_no_path)]]
    title: Title = ""
    tags: Tags = Field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Delivery:
    """What a request brought."""

    uploads: Sequence[Upload]
    files: Sequence[IO[bytes]]
    tags: Mapping[str, str]


_BODY = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["file"],
                "properties": {
                    "file": {
                        "type": "array",
                        "items": {"type": "string", "format": "binary"},
                        "description": "one or several, each under its name",
                    },
                    "title": {"type": "string", "description": "of a single file"},
                    "tags": {"type": "string", "description": "a JSON object, or key=value"},
                },
            }
        },
        "application/json": {"schema": TextDocument.model_json_schema()},
    },
}


@router.post(
    "/documents",
    summary="Add documents",
    status_code=202,
    openapi_extra={"requestBody": _BODY},
)
async def add(request: Request, door: TheDoor, response: Response) -> JobView:
    """Hand in files (multipart) or a text (JSON). They are read in the background: see the job.

    A document's source is the file's name or the one given; another document of the same
    source is replaced.
    """
    if request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        try:
            async with request.form(max_files=_MOST_FILES, max_fields=_MOST_FIELDS) as form:
                return await _hand_in(_of_form(form), door, response)
        except ClientDisconnect:
            raise ClientGone from None
    delivery = await asyncio.to_thread(_of_json, await _body(request))  # it may be long
    return await _hand_in(delivery, door, response)


async def _hand_in(delivery: _Delivery, door: TheDoor, response: Response) -> JobView:
    work = Work(uploads=delivery.uploads, tags=delivery.tags)
    job = await door.footnote.jobs.add(door.settings.api.tenant, work, delivery.files)
    response.headers["Location"] = f"/v1/jobs/{job.job_id}"
    return JobView.of(job)


async def _body(request: Request) -> bytes:
    try:
        return await request.body()
    except ClientDisconnect:
        raise ClientGone from None


def _of_json(body: bytes) -> _Delivery:
    given = _checked(TextDocument, _loads(body, "The body is not JSON."))
    upload = Upload(given.source, given.title, _TEXT)
    return _Delivery([upload], [io.BytesIO(given.text.encode())], given.tags)


def _of_form(form: FormData) -> _Delivery:
    uploads = [_file(value) for name, value in form.multi_items() if name in _FILES]
    for name in form:
        if name not in (*_FILES, *_FIELDS):
            raise Refused(422, f"{name[:100]}: no such field; send file, title or tags")
    if not any(upload.size for upload in uploads):
        raise Refused(422, "file: no file came, or only empty ones")
    given = _checked(
        FileForm,
        {
            "names": [upload.filename for upload in uploads],
            "title": form.get("title", ""),
            "tags": _tags(form.getlist("tags")),
        },
    )
    if len({*given.names}) < len(given.names):
        raise Refused(422, "file: two files have the same name, and one would replace the other")
    if given.title and len(uploads) > 1:
        raise Refused(422, "title: several files came; send them one by one")
    named = [Upload(name, given.title) for name in given.names]
    return _Delivery(named, [upload.file for upload in uploads], given.tags)


def _file(value: UploadFile | str) -> UploadFile:
    if isinstance(value, str):
        raise Refused(422, "file: it is a text field; send it as a file, with a file name")
    return value


def _tags(values: Sequence[UploadFile | str]) -> dict[str, Any]:
    """One JSON object, or any number of `key=value`."""
    tags: dict[str, Any] = {}
    for value in values:
        if not isinstance(value, str):
            raise Refused(422, "tags: it is a file; send a JSON object or key=value")
        if value.lstrip().startswith("{"):
            tags |= _loads(value.encode(), "tags: it is not a JSON object")
            continue
        key, equals, rest = value.partition("=")
        if not equals:
            raise Refused(422, "tags: send a JSON object or key=value")
        tags[key.strip()] = rest
    return tags


def _loads(body: bytes, refusal: str) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise Refused(400 if refusal.startswith("The") else 422, refusal) from None


def _checked(kind: Any, given: Any) -> Any:
    """The value, or the same answer that FastAPI gives to a bad body."""
    try:
        return TypeAdapter(kind).validate_python(given)
    except ValidationError as error:
        faults = [{**fault, "loc": ("body", *fault["loc"])} for fault in error.errors()]
        raise RequestValidationError(faults) from None
