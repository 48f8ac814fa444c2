"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Annotated

import typer

Tenant = Annotated[str, typer.Option("--tenant", metavar="T", help="Whose documents.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]
Filters = Annotated[
    list[str],
    typer.Option(
        "--filter",
        metavar="K=V",
        help="Only where a tag, source, title or document_id has this value; repeatable.",
    ),
]
DEFAULT_TENANT = "default"


def pairs(values: Iterable[str], option: str) -> Iterator[tuple[str, str]]:
    """`KEY=VALUE` words as pairs.

    Raises:
        typer.BadParameter: A word has no `=` or no key.
    """
    for value in values:
        key, equals, rest = value.partition("=")
        if not key.strip() or not equals:
            raise typer.BadParameter(f"{value!r} is not KEY=VALUE", param_hint=option)
        yield key.strip(), rest


def filters(values: Iterable[str]) -> dict[str, list[str]]:
    """`--filter` words: values of one key are alternatives, all keys must hold."""
    found: dict[str, list[str]] = {}
    for key, value in pairs(values, "--filter"):
        found.setdefault(key, []).append(value)
    return found


def tags(values: Iterable[str]) -> dict[str, str]:
    """`--tag` words, each key once."""
    found: dict[str, str] = {}
    for key, value in pairs(values, "--tag"):
        if key in found:
            raise typer.BadParameter(f"{key} is given twice", param_hint="--tag")
        found[key] = value
    return found
