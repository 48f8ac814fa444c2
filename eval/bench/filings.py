"""Filings: real reports as PDF, from the file to the page that answers."""

from __future__ import annotations

from collections.abc import Sequence

from eval.bench.child import measure, say
from eval.bench.quality_figures import STAGES
from eval.bench.result import Outcome, Row, Table
from eval.bench.sizes import Judged

FOLDER = "financebench"
_FIRST, _DEEP = 5, 10


def run(judged: Judged) -> Outcome:
    """Ingest FinanceBench's filings, alike in all but company and year, and search them."""
    folder = judged.data / FOLDER
    if not folder.is_dir():
        return Outcome("filings", notes=[f"no {folder}: name its parent with --data"])
    say("filings: files in, then every question")
    found = measure("filings_footnote", folder=str(folder.absolute()))
    stages, asked = found["stages"], found["questions"]
    ours, other = (_within(stages[name]["page"], _DEEP) for name in ("ranking", "rrf"))
    return Outcome(
        "filings",
        ours="Footnote: the service's own search, bundled models",
        other="reciprocal rank fusion, k = 60, of the same two searches",
        rows=[Row(f"right page among {_DEEP}", f"of {asked}", ours, other, more_is_better=True)],
        notes=[
            f"{found['files']} filings, {found['chunks']:,} chunks, {found['failed']} files "
            f"failed; {asked} questions, so that a difference of two is none. Nothing was fitted "
            "on them"
        ],
        tables=[
            Table(
                f"Passages in which {asked} questions find their filing and its page",
                ("stage", "filing first", "page first", f"page in {_FIRST}", f"page in {_DEEP}"),
                [(shown, *_counts(stages[name])) for name, shown in STAGES.items()],
            )
        ],
    )


def _counts(places: dict[str, Sequence[int | None]]) -> list[str]:
    pages = places["page"]
    firsts = [_within(places["document"], 1), _within(pages, 1)]
    return [f"{n:.0f}" for n in (*firsts, _within(pages, _FIRST), _within(pages, _DEEP))]


def _within(places: Sequence[int | None], most: int) -> float:
    return float(sum(place is not None and place < most for place in places))
