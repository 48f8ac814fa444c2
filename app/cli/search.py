"""`footnote search`: retrieval alone, with the score of every stage."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli import options
from app.cli.console import heading_below, note, one_line, shorten, write_json, write_table
from app.cli.session import clean_stdout, use_footnote
from app.core.names import breadcrumb

if TYPE_CHECKING:
    from app.core.types import Passage
    from app.service import Footnote

SNIPPET = 200
STAGES = ("dense", "bm25", "fused", "rerank")


def _countable(k: int | None) -> int | None:
    from app.core.errors import InputError
    from app.core.exchange import refuse_count

    try:
        if k is not None:
            refuse_count(k)
    except InputError as error:
        raise typer.BadParameter(error.hint) from error
    return k


def search(
    query: Annotated[str, typer.Argument(metavar="QUERY", help="What to look for.")],
    k: Annotated[
        int | None,
        typer.Option("-k", metavar="N", callback=_countable, help="How many passages, 1 to 1000."),
    ] = None,
    tenant: options.Tenant = options.DEFAULT_TENANT,
    where: options.Filters = [],  # noqa: B006 - typer reads it, nobody changes it
    explain: Annotated[
        bool,
        typer.Option("--explain", help="Show every stage and voice."),
    ] = (False),
    as_json: options.AsJson = False,
) -> None:
    """Find the passages nearest to a query, best first."""
    if not query.strip():
        raise typer.BadParameter("the query is empty", param_hint="QUERY")
    conditions = options.filters(where)

    async def work(footnote: Footnote) -> list[Passage]:
        from app.core.types import Scope

        return await footnote.search(query, Scope(tenant, conditions), k)

    with clean_stdout(as_json):
        passages = use_footnote(work)
    if as_json:
        from app.core.types import ExplainedPassage

        shown = [ExplainedPassage.of(p) for p in passages] if explain else passages
        write_json({"passages": [passage.model_dump(mode="json") for passage in shown]})
    elif passages:
        _show(passages, explain)
    else:
        note("nothing found; see `footnote documents list`")


def _show(passages: list[Passage], explain: bool) -> None:
    stages = STAGES if explain else ()
    rows = [
        [
            rank,
            f"{passage.score:.3f}",
            *(_number(getattr(passage.scores, stage)) for stage in stages),
            "\n".join(_said(passage, explain)),
        ]
        for rank, passage in enumerate(passages, start=1)
    ]
    write_table(["##", "score#", *(f"{stage}#" for stage in stages), "passage"], rows)


def _said(passage: Passage, explain: bool) -> Iterator[str]:
    yield place(passage)
    if explain and passage.voices:
        yield "  ".join(f"{voice} {weight:+.2f}" for voice, weight in passage.voices.items())
    yield shorten(passage.text, SNIPPET)


def place(passage: Passage) -> str:
    """File name, where the title does not say it, title, page and heading."""
    page = f"page {passage.page}" if passage.page is not None else ""
    heading = heading_below(passage.title, passage.heading)
    return one_line(", ".join(part for part in (breadcrumb(passage), page, heading) if part))


def _number(score: float | None) -> str:
    return "–" if score is None else f"{score:.3f}"
