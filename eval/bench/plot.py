"""The picture: how many times better, one bar a figure, on a logarithmic scale."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from eval.bench.report import number
from eval.bench.result import Outcome, Row

_BETTER, _WORSE, _INK = "#1f6f8b", "#c05a3c", "#333333"
_SCALE = "times better than the alternative (log scale; left of 1: worse)"


def draw(file: Path, outcomes: Sequence[Outcome]) -> None:
    """Write the picture; nothing when there is nothing to compare. Needs matplotlib."""
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
    axes.grid(axis="x", alpha=0.25)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    for place, ratio, (_, row) in zip(places, ratios, bars, strict=True):
        label = f"{number(ratio)}×  ({number(row.ours)} vs {number(row.other or 0)} {row.unit})"
        axes.text(max(ratio, 1.0) * 1.08, place, label, va="center", fontsize=8, color=_INK)
