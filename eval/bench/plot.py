"""The pictures: how many times better, one bar a figure; and what benchmarks have of their own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from eval.bench.report import number
from eval.bench.result import Groups, Outcome, Points, Row

_BETTER, _WORSE, _INK = "#1f6f8b", "#c05a3c", "#333333"
_SHADES = ("#dcdcdc", "#b4b4b4", "#d9a08c", "#7fb3c8", "#1f6f8b")
_SCALE = "times better than the alternative (log scale; left of 1: worse)"


def draw(folder: Path, outcomes: Sequence[Outcome]) -> set[str]:
    """Write the pictures into `folder`; returns their files. Needs matplotlib."""
    _draw_ratios(folder / "bench.png", outcomes)
    pictures = [picture for outcome in outcomes for picture in outcome.pictures]
    for picture in pictures:
        if isinstance(picture, Groups):
            _draw_groups(folder / picture.file, picture)
        else:
            _draw_points(folder / picture.file, picture)
    return {picture.file for picture in pictures}


def _draw_ratios(file: Path, outcomes: Sequence[Outcome]) -> None:
    """How many times better, on a logarithmic scale; nothing when nothing was compared."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    bars = [(outcome.name, row) for outcome in outcomes for row in outcome.rows if row.ratio]
    if not bars:
        return
    figure, axes = pyplot.subplots(figsize=(10, 1.8 + 0.4 * len(bars)), layout="constrained")
    _bars(axes, bars)
    against = [f"{outcome.name}: against {outcome.other}" for outcome in outcomes if outcome.rows]
    axes.set_xlabel("\n".join([_SCALE, *against]), fontsize=8)
    axes.set_title("Footnote against named alternatives, measured in one run", loc="left")
    figure.savefig(file, dpi=150)
    pyplot.close(figure)


def _bars(axes: Any, bars: Sequence[tuple[str, Row]]) -> None:
    ratios = [row.ratio or 1.0 for _, row in bars]
    places = range(len(bars))
    colours = [_BETTER if ratio >= 1 else _WORSE for ratio in ratios]
    axes.barh(places, [r - 1 for r in ratios], left=1.0, color=colours, height=0.62)
    axes.set_xscale("log")
    axes.set_xlim(min([*ratios, 1.0]) / 3, max([*ratios, 1.0]) * 30)
    axes.axvline(1.0, color=_INK, linewidth=0.8)
    axes.set_yticks(places, [f"{name}: {row.what}" for name, row in bars])
    axes.invert_yaxis()
    _tidy(axes, "x")
    for place, ratio, (_, row) in zip(places, ratios, bars, strict=True):
        label = f"{number(ratio)}×  ({number(row.ours)} vs {number(row.other or 0)} {row.unit})"
        axes.text(max(ratio, 1.0) * 1.08, place, label, va="center", fontsize=8, color=_INK)


def _draw_groups(file: Path, picture: Groups) -> None:
    from matplotlib.figure import Figure

    count, width = len(picture.series), 0.84 / len(picture.series)
    figure = Figure(figsize=(2.5 + 0.85 * len(picture.groups), 4.5), layout="constrained")
    axes = figure.add_subplot()
    for place, (name, values) in enumerate(picture.series.items()):
        places = [group + (place - (count - 1) / 2) * width for group in range(len(values))]
        axes.bar(places, values, width, label=name, color=_SHADES[place % len(_SHADES)])
    axes.margins(x=0.01)
    axes.set_xticks(range(len(picture.groups)), picture.groups, rotation=25, ha="right")
    axes.set_ylabel(picture.unit)
    figure.suptitle(picture.title, x=0.01, ha="left")
    figure.legend(loc="outside lower center", ncols=count, frameon=False)
    _tidy(axes, "y")
    figure.savefig(file, dpi=150)


def _draw_points(file: Path, picture: Points) -> None:
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogLocator, NullFormatter

    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.add_subplot()
    places = [*picture.others.values(), *picture.ours.values()]
    middle = (min(x for x, _ in places) * max(x for x, _ in places)) ** 0.5
    for points, colour in ((picture.others, _WORSE), (picture.ours, _BETTER)):
        x, y = zip(*points.values(), strict=True)
        axes.scatter(x, y, s=60, color=colour, zorder=3)
        for name, place in points.items():
            right = place[0] > middle  # there a label is left of its point, to stay inside
            axes.annotate(
                name,
                place,
                (-8 if right else 8, 6),
                textcoords="offset points",
                ha="right" if right else "left",
                fontsize=9,
                color=_INK,
            )
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.margins(x=0.15, y=0.15)
    axes.set_xlabel(picture.axes[0])
    axes.set_ylabel(picture.axes[1])
    axes.set_title(picture.title, loc="left")
    _tidy(axes, "both")
    figure.savefig(file, dpi=150)


def _tidy(axes: Any, grid: str) -> None:
    axes.grid(axis=grid, alpha=0.25)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
