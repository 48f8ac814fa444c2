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
    graph,
    hybrid,
    ingest,
    machine,
    million,
    plot,
    report,
)
from eval.bench.child import BenchError, Unavailable, say
from eval.bench.result import Outcome
from eval.bench.sizes import FULL, QUICK, Sizes

BENCHMARKS: dict[str, Callable[[Sizes], Outcome]] = {
    "hybrid": hybrid.run,
    "graph": graph.run,
    "checkpoint": checkpoint.run,
    "encode": encode.run,
    "ingest": ingest.run,
    "million": million.run,
    "ray": cluster.run,
}
_UNASKED = tuple(name for name in BENCHMARKS if name not in ("million", "ray"))
"""What runs when nothing is named: a million chunks take ten minutes, a cluster wants cores."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run what the arguments name; 0 when all bars hold, else 1; bad usage exits with 2."""
    wanted = _arguments(argv)
    sizes = QUICK if wanted.quick else FULL
    if wanted.chunks:
        sizes = replace(sizes, chunks=wanted.chunks, library=wanted.chunks)
    about = machine.describe()
    outcomes = [_run(name, sizes) for name in wanted.benchmarks or _UNASKED]
    print(report.text(outcomes))
    _keep(wanted.out or Path("reports") / f"bench-{datetime.now(UTC):%Y-%m-%d}", outcomes, about)
    return 0 if all(outcome.holds for outcome in outcomes) else 1


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m eval.bench",
        description="Speed and size, as ratios to named alternatives measured in the same run.",
    )
    names = ", ".join(BENCHMARKS)
    parser.add_argument(
        "benchmarks", nargs="*", metavar="NAME", help=f"{names}; default: all but the last two"
    )
    parser.add_argument("--quick", action="store_true", help="small sizes, a minute or two")
    parser.add_argument(
        "--chunks", type=int, metavar="N", help="chunks that hybrid and million search"
    )
    parser.add_argument("--out", type=Path, metavar="DIR", help="default: reports/bench-<date>")
    wanted = parser.parse_args(argv)
    unknown = [name for name in wanted.benchmarks if name not in BENCHMARKS]
    if unknown:
        parser.error(f"no benchmark {unknown[0]!r}: choose from {names}")
    if wanted.chunks is not None and wanted.chunks < 1000:
        parser.error("--chunks is at least 1000")
    return wanted


def _run(name: str, sizes: Sizes) -> Outcome:
    try:
        return BENCHMARKS[name](sizes)
    except (BenchError, Unavailable) as error:  # the others' figures are still worth having
        say(f"error: {error}")
        return Outcome(name, notes=[str(error)], failed=True)


def _keep(folder: Path, outcomes: Sequence[Outcome], about: dict[str, object]) -> None:
    report.write(folder, outcomes, about)
    try:
        plot.draw(folder / "bench.png", outcomes)
    except ImportError:
        say("no picture: matplotlib is missing (install the extra `eval`)")
    say(f"written to {folder}")
