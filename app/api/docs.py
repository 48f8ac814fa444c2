"""`GET /docs`: the API on one page, made from `/openapi.json`.

FastAPI's own page loads its script from the internet, which a closed network does not
have and our content policy does not allow. This one needs neither.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from html import escape
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from app.api.security import CSP

router = APIRouter(include_in_schema=False)

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 50rem; margin: 2rem auto; padding: 0 1rem }
:root { color-scheme: light dark }
summary { cursor: pointer; padding: .4rem 0 } summary code { font-weight: 600 }
table { border-collapse: collapse } td, th { padding: .2rem .8rem .2rem 0; text-align: left }
"""
STYLE_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()


@router.get("/docs")
async def docs(request: Request) -> HTMLResponse:
    """Every route: what it does, what it takes."""
    policy = f"{CSP}; style-src 'self' 'sha256-{STYLE_HASH}'"
    schema = request.app.openapi()
    return HTMLResponse("".join(_page(schema)), headers={"Content-Security-Policy": policy})


def _page(schema: dict[str, Any]) -> Iterator[str]:
    title = escape(f"{schema['info']['title']} {schema['info']['version']}")
    yield f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
    yield '<meta name="viewport" content="width=device-width">'
    yield f"<style>{STYLE}</style><h1>{title}</h1>"
    yield '<p>For programs: <a href="openapi.json">openapi.json</a></p>'
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            if method != "head":
                yield from _operation(schema, path, method, operation)


def _operation(
    schema: dict[str, Any], path: str, method: str, operation: dict[str, Any]
) -> Iterator[str]:
    yield f"<details><summary><code>{method.upper()} {escape(path)}</code> "
    yield f"{escape(operation.get('summary', ''))}</summary>"
    for paragraph in operation.get("description", "").split("\n\n"):
        yield f"<p>{escape(paragraph)}</p>"
    fields = [(p["name"], p["schema"], p["required"]) for p in operation.get("parameters", [])]
    fields += list(_body_fields(schema, operation))
    if fields:
        yield "<table><tr><th>name<th>type<th>what</tr>"
        for name, kind, required in fields:
            need = "" if required else " (optional)"
            about = escape(kind.get("description", "") + need)
            yield f"<tr><td><code>{escape(name)}</code><td>{escape(_type(kind))}<td>{about}</tr>"
        yield "</table>"
    yield "</details>"


def _body_fields(
    schema: dict[str, Any], operation: dict[str, Any]
) -> Iterator[tuple[str, dict[str, Any], bool]]:
    for content in operation.get("requestBody", {}).get("content", {}).values():
        body = _resolve(schema, content["schema"])
        for name, kind in body.get("properties", {}).items():
            yield name, kind, name in body.get("required", [])
            for inner, inner_kind in _resolve(schema, kind).get("properties", {}).items():
                yield f"{name}.{inner}", inner_kind, False


def _resolve(schema: dict[str, Any], kind: dict[str, Any]) -> dict[str, Any]:
    name = kind.get("$ref", "").rpartition("/")[2]
    found: dict[str, Any] = schema["components"]["schemas"][name] if name else kind
    return found


def _type(kind: dict[str, Any]) -> str:
    if "anyOf" in kind:
        return " or ".join(t for t in map(_type, kind["anyOf"]) if t != "null")
    if "enum" in kind or "const" in kind:
        return " or ".join(str(value) for value in kind.get("enum", [kind.get("const")]))
    if kind.get("type") == "array":
        return f"list of {_type(kind.get('items', {}))}"
    return str(kind.get("type") or kind.get("$ref", "").rpartition("/")[2] or "object")
