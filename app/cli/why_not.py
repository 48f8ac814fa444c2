"""`footnote why-not`: the stage of retrieval that lost a document."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from app.cli import options
from app.cli.console import heading_below, say, write_json, write_table
from app.cli.session import clean_stdout, use_footnote

if TYPE_CHECKING:
    from app.core.exchange import Part, Stage, WhyNot
    from app.service import Footnote

NAMES = {
    "index": "in the index",
    "filter": "filters",
    "dense": "search by meaning",
    "bm25": "search by words",
    "fusion": "fusion",
    "rerank": "reranking",
    "age": "age",
    "choice": "choice",
    "budget": "budget",
}


def why_not(
    question: Annotated[str, typer.Argument(metavar="QUESTION", help="What was asked.")],
    document_id: Annotated[
        str, typer.Option("--document", metavar="ID", help="The document that is missing.")
    ],
    tenant: options.Tenant = options.DEFAULT_TENANT,
    where: options.Filters = [],  # noqa: B006 - typer reads it, nobody changes it
    as_json: options.AsJson = False,
) -> None:
    """Say why a document is not in the evidence for a question, stage by stage."""
    if not question.strip():
        raise typer.BadParameter("the question is empty", param_hint="QUESTION")
    conditions = options.filters(where)

    async def work(footnote: Footnote) -> WhyNot:
        from app.core.types import Scope

        return await footnote.why_not(question, document_id, Scope(tenant, conditions))

    with clean_stdout(as_json):
        found = use_footnote(work)
    if as_json:
        write_json(found.model_dump(mode="json"))
        return
    write_table(
        ["stage", "rank#", "score#", "outcome", "what"], [_row(stage) for stage in found.stages]
    )
    say(f"{found.title or document_id}: {found.reason}")


def _row(stage: Stage) -> list[str]:
    rank = f"{stage.rank} of {stage.of}" if stage.rank else f"– of {stage.of}"
    ranks = stage.of is not None and stage.stage != "index"
    verdict = {True: "kept", False: "lost", None: ""}[stage.kept]
    return [
        NAMES.get(stage.stage, stage.stage),
        rank if ranks else "",
        "" if stage.score is None else f"{stage.score:.3f}",
        verdict,
        "\n".join(filter(None, _told(stage))),
    ]


def _told(stage: Stage) -> list[str]:
    chunks = f"{stage.of} chunks" if stage.stage == "index" and stage.of else ""
    cut = f"the best {stage.cut} go on" if stage.cut else ""
    passage = f"its best: {_place(stage.passage)}" if stage.passage else ""
    other = f"behind: {stage.other.title}, {_place(stage.other)}" if stage.other else ""
    return [chunks, cut, passage, other, stage.why]


def _place(part: Part) -> str:
    page = f"page {part.page}" if part.page is not None else ""
    heading = heading_below(part.title, part.heading)
    characters = f"characters {part.start}–{part.end}"
    return ", ".join(text for text in (page, heading, characters) if text)
