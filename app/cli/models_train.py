"""`footnote models adapt` and `fit`: models trained on the user's own documents.

The recipes are those of `eval.training`, which stands above the doors: they are looked up by
name, and only when one of these commands runs.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli import options
from app.cli.console import say, write_json
from app.cli.session import clean_stdout, run_async
from app.core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from app.core.settings import Settings

Minutes = Annotated[
    float, typer.Option("--minutes", metavar="N", min=0.05, max=1440, help="How long to train.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only count what could be learned from.")]
UndoAdapt = Annotated[bool, typer.Option("--undo", help="Go back to the bundled reader.")]
UndoFit = Annotated[bool, typer.Option("--undo", help="Go back to the installed weights.")]


def register(app: typer.Typer) -> None:
    """Add the commands to `footnote models`."""
    app.command()(adapt)
    app.command()(fit)


def adapt(
    tenant: options.Tenant = options.DEFAULT_TENANT,
    minutes: Minutes = 8,
    dry_run: DryRun = False,
    undo: UndoAdapt = False,
    as_json: options.AsJson = False,
) -> None:
    """Train the bundled reader on the ingested documents; keep it only if it ranks better."""
    settings = _settings()
    if undo:
        from app.adapters.own_models import remove_reader
        from app.parts import data_dir

        _undone(remove_reader(data_dir(settings)), "adapted reader", as_json)
        return
    recipe = _recipe("eval.training.adapt")
    with clean_stdout(as_json), _bar() as progress:
        found = run_async(
            recipe.adapt(
                settings, tenant=tenant, minutes=minutes, dry_run=dry_run, progress=progress
            )
        )
    if as_json:
        write_json(asdict(found))
        return
    kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(found.learned.items()))
    say(f"{found.documents} documents, {found.passages} passages")
    say(f"questions to learn from: {kinds}; held out: {found.held_out}")
    if found.verdict:
        say(_verdict(found.verdict))
        say(_decision("the adapted reader", found.verdict))


def fit(
    tenant: options.Tenant = options.DEFAULT_TENANT,
    undo: UndoFit = False,
    as_json: options.AsJson = False,
) -> None:
    """Fit the final score to the reranker and the documents; keep it only if it ranks better."""
    settings = _settings()
    if undo:
        from app.adapters.own_models import remove_ranking
        from app.parts import data_dir

        _undone(remove_ranking(data_dir(settings)), "fitted final score", as_json)
        return
    recipe = _recipe("eval.training.refit")
    with clean_stdout(as_json), _bar() as progress:
        found = run_async(recipe.fit(settings, tenant=tenant, progress=progress))
    if as_json:
        write_json(asdict(found))
        return
    say(f"final score of {found.reranker}: weights before and after")
    for voice, (before, after) in found.weights.items():
        say(f"  {voice}: {before:.3f} {after:.3f}")
    say(_verdict(found.verdict))
    say(_decision("the fitted final score", found.verdict))


def _settings() -> Settings:
    from app.cli.logs import set_up_logs
    from app.core.settings import load_settings

    settings = load_settings()
    set_up_logs(settings.log)
    return settings


def _recipe(module: str) -> Any:
    """A recipe, or ConfigError that tells what it lacks."""
    try:
        for library in ("torch", "transformers", "onnx", "scipy"):
            importlib.import_module(library)
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"training needs {error.name}, which is not installed",
            hint="install the extra: pip install 'footnote-rag[torch]'",
        ) from error


@contextmanager
def _bar() -> Iterator[Callable[[int, int, str], None] | None]:
    from app.cli.progress import progress_bar

    with progress_bar() as progress:
        yield progress


def _verdict(found: Any) -> str:
    return (
        f"nDCG@10 of {found.questions} held-out questions: {found.old:.4f} before, "
        f"{found.new:.4f} after (p = {found.p:.4f})"
    )


def _decision(what: str, verdict: Any) -> str:
    if verdict.better:
        return f"kept: {what} is used from the next start of a command or server"
    return f"not kept: {what} {verdict.against}; all is as it was"


def _undone(removed: bool, what: str, as_json: bool) -> None:
    if as_json:
        write_json({"removed": removed})
    else:
        say(f"removed the {what}" if removed else f"there is no {what}")
