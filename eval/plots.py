"""Pictures for the report, where matplotlib is installed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from eval.report import Report
from eval.tables import MAIN

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SIZE = (8, 3.5)  # inches


def draw(report: Report, folder: Path) -> list[str]:
    """Write the pictures; returns their file names, none without matplotlib."""
    pictures: dict[str, Callable[[Axes, Report], None]] = {
        "score_by_kind.png": _by_kind,
        "latency.png": _latency,
    }
    try:
        from matplotlib.figure import Figure
    except ImportError:
        return []
    for name, paint in pictures.items():
        figure = Figure(figsize=_SIZE, layout="constrained")
        paint(figure.add_subplot(), report)
        figure.savefig(folder / name, dpi=100)
    return list(pictures)


def _by_kind(axes: Axes, report: Report) -> None:
    """Groups of bars: what is wanted of each kind."""
    wanted = [m for m in MAIN if m in ("hit@5", "answer_contains", "abstained_unanswerable")]
    kinds = list(report.by_kind)
    width = 0.8 / len(wanted)
    for place, metric in enumerate(wanted):
        found = [report.by_kind[kind].get(metric) for kind in kinds]
        heights = [(score.value or 0.0) if score else 0.0 for score in found]
        axes.bar([i + place * width for i in range(len(kinds))], heights, width, label=metric)
    axes.set_xticks([i + width for i in range(len(kinds))], kinds)
    axes.set_ylim(0, 1.05)
    axes.set_ylabel("score")
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=len(wanted), frameon=False)


def _latency(axes: Axes, report: Report) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.hist([row.wall_ms for row in report.rows], bins=20)
    axes.set_xlabel("time of an answer, ms")
    axes.set_ylabel("questions")
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
