"""`python -m eval.bench`: run benchmarks, print a table, keep the figures."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from eval.bench import (
    checkpoint,
    cluster,
    encode,
    filings,
    graph,
    hybrid,
    ingest,
    machine,
    million,
    plot,
    quality,
    questions,
    reading,
    report,
    rerank,
)
from eval.bench.child import BenchError, Unavailable, say
from eval.bench.result import Outcome
from eval.bench.sizes import FULL, QUICK, QUICK_JUDGED, WHOLE_JUDGED, Judged, Sizes
from eval.judged.sets import MissingSetError

_SIZED: dict[str, Callable[[Sizes], Outcome]] = {
    "hybrid": hybrid.run,
    "graph": graph.run,
    "checkpoint": checkpoint.run,
    "encode": encode.run,
    "rerank": rerank.run,
    "ingest": ingest.run,
    "million": million.run,
    "ray": cluster.run,
}
_JUDGED: dict[str, Callable[[Judged], Outcome]] = {
    "questions": questions.run,
    "quality": quality.run,
    "reading": reading.run,
    "filings": filings.run,
}
BENCHMARKS = (*_SIZED, *_JUDGED)
_AT_WISH = ("million", "ray")
"""Not run when nothing is named: a million chunks take ten minutes, a cluster wants cores."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run what the arguments name; 0 when all bars hold, else 1; bad usage exits with 2."""
    wanted = _arguments(argv)
    sizes = QUICK if wanted.quick else FULL
    if wanted.chunks:
        sizes = replace(sizes, chunks=wanted.chunks, library=wanted.chunks)
    judged = _judged(wanted)
    about = machine.describe()
    names = wanted.benchmarks or [name for name in BENCHMARKS if name not in _AT_WISH]
    outcomes = [_run(name, sizes, judged) for name in names]
    print(report.text(outcomes))
    _keep(wanted.out or Path("reports") / f"bench-{datetime.now(UTC):%Y-%m-%d}", outcomes, about)
    return 0 if all(outcome.holds for outcome in outcomes) else 1


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m eval.bench",
        description="Speed, size and quality beside named alternatives, measured in the same run.",
    )
    names = ", ".join(BENCHMARKS)
    parser.add_argument(
        "benchmarks",
        nargs="*",
        metavar="NAME",
        help=f"{names}; default: all but {' and '.join(_AT_WISH)}",
    )
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", action="store_true", help="small sizes, a minute or two")
    size.add_argument(
        "--full",
        action="store_true",
        help="quality: more questions, others on all sets, half an hour",
    )
    parser.add_argument(
        "--chunks", type=int, metavar="N", help="chunks that hybrid and million search"
    )
    parser.add_argument(
        "--data",
        type=Path,
        metavar="DIR",
        help="folder of the judged sets; default: ../shared/data",
    )
    parser.add_argument("--sets", metavar="NAMES", help="judged sets, as a,b; default: all there")
    parser.add_argument("--questions", type=int, metavar="N", help="of each judged set; 0: all")
    parser.add_argument("--cache", type=Path, metavar="DIR", help="remembers vectors between runs")
    parser.add_argument(
        "--cross-encoder",
        metavar="MODEL",
        default="",
        help="name or folder; LangChain reranks with it",
    )
    parser.add_argument("--out", type=Path, metavar="DIR", help="default: reports/bench-<date>")
    wanted = parser.parse_args(argv)
    unknown = [name for name in wanted.benchmarks if name not in BENCHMARKS]
    if unknown:
        parser.error(f"no benchmark {unknown[0]!r}: choose from {names}")
    if wanted.chunks is not None and wanted.chunks < 1000:
        parser.error("--chunks is at least 1000")
    return wanted


def _judged(wanted: argparse.Namespace) -> Judged:
    judged = QUICK_JUDGED if wanted.quick else WHOLE_JUDGED if wanted.full else Judged()
    given = {
        "data": wanted.data,
        "cache": wanted.cache,
        "questions": wanted.questions,
        "sets": tuple(wanted.sets.split(",")) if wanted.sets else None,
    }
    known = {name: value for name, value in given.items() if value is not None}
    return replace(judged, cross_encoder=wanted.cross_encoder, **known)


def _run(name: str, sizes: Sizes, judged: Judged) -> Outcome:
    try:
        if name in _JUDGED:
            return _JUDGED[name](judged)
        return _SIZED[name](sizes)
    except (
        BenchError,
        MissingSetError,
        Unavailable,
    ) as error:  # the others' figures are still worth having
        say(f"error: {error}")
        return Outcome(name, notes=[str(error)], failed=True)


def _keep(folder: Path, outcomes: Sequence[Outcome], about: dict[str, object]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    drawn: set[str] = set()
    try:
        drawn = plot.draw(folder, outcomes)
    except ImportError:
        say("no picture: matplotlib is missing (install the extra `eval`)")
    report.write(folder, outcomes, about, drawn)
    say(f"written to {folder}")
