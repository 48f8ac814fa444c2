"""What a benchmark finds out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Row:
    """One quantity, of Footnote and of what it is compared with.

    Args:
        what: Name of the quantity.
        unit: Its unit.
        ours: Footnote's value.
        other: The other one's; None where there is nothing to compare with.
        more_is_better: Whether the larger value is the better one.
    """

    what: str
    unit: str
    ours: float
    other: float | None = None
    more_is_better: bool = False

    @property
    def ratio(self) -> float | None:
        """How many times better Footnote is; below 1 it is worse."""
        if not self.other or not self.ours:
            return None
        return self.ours / self.other if self.more_is_better else self.other / self.ours


@dataclass(frozen=True, slots=True)
class Bar:
    """A limit that a figure has to keep."""

    what: str
    value: float
    limit: float
    at_least: bool = False

    @property
    def holds(self) -> bool:
        """Whether the figure keeps the limit."""
        return self.value >= self.limit if self.at_least else self.value <= self.limit

    def __str__(self) -> str:
        sign = "≥" if self.at_least else "≤"
        verdict = "holds" if self.holds else "DOES NOT HOLD"
        return f"{self.what}: {self.value:,.2f}, bar {sign} {self.limit:,g}: {verdict}"


@dataclass(frozen=True, slots=True)
class Table:
    """Figures that do not fit into rows of two."""

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True)
class Groups:
    """A picture: bars of several series, side by side in groups.

    Args:
        file: Name of the picture's file.
        unit: Of all values.
        groups: Their names.
        series: For each series a value a group.
    """

    file: str
    title: str
    unit: str
    groups: Sequence[str]
    series: Mapping[str, Sequence[float]]


@dataclass(frozen=True, slots=True)
class Points:
    """A picture: named points of (x, y), the x axis logarithmic.

    Args:
        file: Name of the picture's file.
        axes: What x and y are.
        ours: Of Footnote.
        others: Of the rest.
    """

    file: str
    title: str
    axes: tuple[str, str]
    ours: Mapping[str, tuple[float, float]]
    others: Mapping[str, tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Outcome:
    """One benchmark's figures.

    Args:
        name: Of the benchmark.
        ours: What of Footnote was measured.
        other: What it is compared with.
        rows: The figures; none when it failed.
        bars: The limits they are held against.
        notes: What a reader has to know, such as why it failed.
        tables: Further figures.
        pictures: Of them, to be drawn where matplotlib is installed.
        failed: Whether it broke down or could not begin.
    """

    name: str
    ours: str = ""
    other: str = ""
    rows: list[Row] = field(default_factory=list)
    bars: list[Bar] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    pictures: list[Groups | Points] = field(default_factory=list)
    failed: bool = False

    @property
    def holds(self) -> bool:
        """Whether it came to its end and all bars hold."""
        return not self.failed and all(bar.holds for bar in self.bars)
