"""The figures of quality as tables and pictures."""

from __future__ import annotations

from collections.abc import Sequence

from eval.bench.quality_figures import (
    GAINS,
    STAGES,
    Measured,
    Pick,
    gain,
    of_texts,
    other,
    over,
    place,
    searched_by_all,
    stage,
)
from eval.bench.result import Groups, Points, Table
from eval.judged.measures import Interval


def tables(measured: Sequence[Measured]) -> list[Table]:
    """Stages, what each adds, and the other libraries."""
    found = [_stages(measured), _gains(measured)]
    found += [_recall(one) for one in measured if one.has_places]
    return [*found, *_peers(measured)]


def pictures(measured: Sequence[Measured]) -> list[Groups | Points]:
    """The stages of every set, and quality against time."""
    return [_stages_picture(measured), *_time_picture(measured)]


def _stages(measured: Sequence[Measured]) -> Table:
    points = [_points(measured, stage(name)) for name in STAGES]
    names = [*(one.name for one in measured), "**mean**"]
    sizes = [(f"{one.questions:,}", f"{one.chunks:,}") for one in measured]
    return Table(
        "nDCG@10 of each stage, in points",
        ["set", "questions", "chunks", *STAGES.values()],
        [
            [name, *size, *of_set]
            for name, size, *of_set in zip(names, [*sizes, ("", "")], *points, strict=True)
        ],
    )


def _gains(measured: Sequence[Measured]) -> Table:
    rows = [
        [name, *(_shown(gain(some, points)) for points in GAINS.values())]
        for name, some in (
            *((one.name, [one]) for one in measured),
            ("**mean**", of_texts(measured) or measured),
        )
    ]
    return Table(
        "What each stage adds, in points, with its 95 % interval (paired bootstrap over the "
        "questions of each set); bold where the interval leaves 0 out",
        ["set", *GAINS],
        rows,
    )


def _recall(one: Measured) -> Table:
    return Table(
        f"Share of the judged characters within the first five passages, {one.name}",
        ["stage", "recall@5"],
        [[label, f"{one.stages[stage].recall.mean():.3f}"] for stage, label in STAGES.items()],
    )


def _peers(measured: Sequence[Measured]) -> list[Table]:
    shared, others = searched_by_all(measured)
    if not others:
        return []
    rows = []
    for name in ("rrf", "fusion", "ranking"):
        ms = "" if name == "rrf" else f"{place(shared, stage(name))[0]:.1f}"
        label = f"Footnote, {STAGES[name]}"
        rows.append([label, *_points(shared, stage(name)), "", ms])
    for name in others:
        ahead = gain(shared, over(stage("ranking"), other(name)))
        ms = f"{place(shared, other(name))[0]:.1f}"
        rows.append([name, *_points(shared, other(name)), _shown(ahead), ms])
    header = ["", *(one.name for one in shared), "mean", "whole ranking over it", "p50, ms"]
    return [Table("nDCG@10 of other libraries over the same passages, in points", header, rows)]


def _stages_picture(measured: Sequence[Measured]) -> Groups:
    return Groups(
        "quality-stages.png",
        "What each stage finds",
        "nDCG@10, points",
        [*(one.name for one in measured), "mean"],
        {label: _values(measured, stage(name)) for name, label in STAGES.items()},
    )


def _time_picture(measured: Sequence[Measured]) -> list[Points]:
    shared, others = searched_by_all(measured)
    if not others:
        return []
    ours = {f"Footnote, {STAGES[n]}": place(shared, stage(n)) for n in ("fusion", "ranking")}
    theirs = {name: place(shared, other(name)) for name in others}
    return [
        Points(
            "quality-time.png",
            f"Quality against time: mean of {', '.join(one.name for one in shared)}",
            ("milliseconds a search, p50, its question's encoding included", "nDCG@10, points"),
            ours,
            theirs,
        )
    ]


def _values(measured: Sequence[Measured], pick: Pick) -> list[float]:
    """Points on each set, then their mean."""
    mean = place(of_texts(measured) or measured, pick)[1]
    return [*(float(pick(one).points.mean()) for one in measured), mean]


def _points(measured: Sequence[Measured], pick: Pick) -> list[str]:
    return [f"{value:.1f}" for value in _values(measured, pick)]


def _shown(found: Interval) -> str:
    shown = f"{found.mean:+.1f}"
    if found.is_certain:
        shown = f"**{shown}**"
    return f"{shown} [{found.low:+.1f}, {found.high:+.1f}]"
