"""`footnote documents`: what the index holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from app.cli import options
from app.cli.console import note, one_line, say, write_json, write_table
from app.cli.session import clean_stdout, use_footnote

if TYPE_CHECKING:
    from app.core.types import Document
    from app.service import Footnote

app = typer.Typer(help="List, show or delete documents.", rich_markup_mode=None)
DocumentId = Annotated[str, typer.Argument(metavar="ID", help="The document's id.")]


@app.command("list")
def list_documents(
    tenant: options.Tenant = options.DEFAULT_TENANT,
    flagged: Annotated[
        bool, typer.Option("--flagged", help="Only those that a reader should be warned of.")
    ] = False,
    as_json: options.AsJson = False,
) -> None:
    """List the documents in order of title."""

    async def work(footnote: Footnote) -> list[Document]:
        from app.core.types import Scope

        found = await footnote.store.documents(Scope(tenant))
        return [document for document in found if document.flags or not flagged]

    with clean_stdout(as_json):
        documents = use_footnote(work)
    if as_json:
        write_json([document.model_dump(mode="json") for document in documents])
    elif documents:
        columns = ["id", "pages#", "chunks#", "title and source"]
        rows = [[d.document_id, d.pages or "–", d.chunks, _described(d)] for d in documents]
        write_table(columns, rows)
    elif flagged:
        note("no document is flagged")
    else:
        note("no documents; add some with `footnote ingest PATH`")


@app.command()
def show(
    document_id: DocumentId,
    tenant: options.Tenant = options.DEFAULT_TENANT,
    as_json: options.AsJson = False,
) -> None:
    """Show what is known about a document."""

    async def work(footnote: Footnote) -> Document:
        from app.core.types import Scope

        return await footnote.store.document(document_id, Scope(tenant))

    with clean_stdout(as_json):
        fields = use_footnote(work).model_dump(mode="json")
    if as_json:
        write_json(fields)
        return
    for name, value in fields.items():
        say(f"{name + ':':<14} {one_line(_text(value))}".rstrip())


@app.command()
def delete(
    document_id: DocumentId,
    tenant: options.Tenant = options.DEFAULT_TENANT,
    as_json: options.AsJson = False,
) -> None:
    """Delete a document from the index; its file stays where it is."""

    async def work(footnote: Footnote) -> None:
        from app.core.types import Scope

        await footnote.store.delete(document_id, Scope(tenant))

    with clean_stdout(as_json):
        use_footnote(work)
    if as_json:
        write_json({"document_id": document_id, "deleted": True})
    else:
        say(f"deleted {document_id}")


def _described(document: Document) -> str:
    lines = [document.title, document.source]
    if document.flags:
        lines.append(f"! {', '.join(document.flags)}")
    return "\n".join(map(one_line, lines))


def _text(value: object) -> str:
    match value:
        case dict():
            return ", ".join(f"{key}={inner}" for key, inner in value.items())
        case list():
            return ", ".join(map(str, value))
        case _:
            return str(value)
