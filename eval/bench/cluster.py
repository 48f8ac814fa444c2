"""Ingestion on Ray: two nodes of one worker each against one."""

from __future__ import annotations

import os

from eval.bench.child import BenchError, measure, say
from eval.bench.result import Bar, Outcome, Row
from eval.bench.sizes import Sizes

_BAR = 1.7
_CORES = 4  # two for the workers, one for the driver, one for Ray


def run(sizes: Sizes) -> Outcome:
    """Ingest the same files with either cluster, in turns; the best round of each counts."""
    say(f"ray: {sizes.cluster_files} files, {sizes.rounds} rounds")
    found = [
        [measure("ray_nodes", nodes=nodes, files=sizes.cluster_files) for nodes in (1, 2)]
        for _ in range(sizes.rounds)
    ]
    reference = found[0][0]
    for side in (side for both in found for side in both):
        same = all(side[what] == reference[what] for what in ("chunks", "contents"))
        if side["failures"] or not same:
            raise BenchError("the two clusters made different indexes")
    one, two = (max(both[n]["rate"] for both in found) for n in (0, 1))
    all_one, all_two = (min(both[n]["seconds"] for both in found) for n in (0, 1))
    cores, ratio = os.cpu_count() or 1, two / one
    bar = Bar("ray, two nodes against one", ratio, _BAR, at_least=True)
    notes = [
        f"{reference['chunks']} chunks of {sizes.cluster_files} files; {cores} cores, which the "
        "workers share with the driver and Ray's own processes"
    ]
    if cores < _CORES:
        notes.append(f"no bar on fewer than {_CORES} cores: {ratio:.2f} times")
    return Outcome(
        "ray",
        ours="two nodes of one CPU, one worker each, one encoder thread a worker",
        other="one such node",
        rows=[
            Row("files", "per s", two, one, more_is_better=True),
            Row("all, workers' start included", "s", all_two, all_one),
        ],
        bars=[bar] if cores >= _CORES else [],
        notes=notes,
    )
