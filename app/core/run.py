"""The account of one question: its deadline, its budget and what was spent."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field

from app.core.types import Usage

Clock = Callable[[], float]
"""Seconds that only go forward."""


@dataclass(slots=True)
class Run:
    """Lives as long as one question; nodes and the gateway write into it.

    Args:
        deadline_ms: Time for the whole answer, counted from creation.
        max_cost_usd: Budget for model calls; None for no limit.
        trace: Whether steps report details.
        clock: Where the time comes from.
    """

    deadline_ms: int
    max_cost_usd: float | None = None
    trace: bool = False
    clock: Clock = time.monotonic
    answer_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    usage: Usage = field(default_factory=Usage)
    skipped: list[str] = field(default_factory=list)
    timings_ms: dict[str, float] = field(default_factory=dict)
    prompt_versions: dict[str, str] = field(default_factory=dict)
    started: float = -1.0

    def __post_init__(self) -> None:
        if self.started < 0:
            self.started = self.clock()

    def remaining_s(self) -> float:
        """Seconds until the deadline; negative when it has passed."""
        return self.started + self.deadline_ms / 1000 - self.clock()

    def refusal(self, *, needs_s: float = 0.0) -> str:
        """Why a model call no longer fits; empty when it does.

        Args:
            needs_s: Seconds that the step needs at the least.
        """
        if self.remaining_s() <= needs_s:
            return "the deadline is too near"
        spent = self.usage.cost_usd
        if self.max_cost_usd is not None and spent is None:
            return "a budget is set, but the model's prices are not"
        if self.max_cost_usd is not None and spent is not None and spent >= self.max_cost_usd:
            return "the budget is spent"
        return ""

    def skip(self, step: str, why: str) -> None:
        """Name a step that did not run, and why."""
        entry = f"{step}: {why}"
        if entry not in self.skipped:
            self.skipped.append(entry)

    def spend(self, usage: Usage) -> None:
        """Add a model call."""
        costs = (self.usage.cost_usd, usage.cost_usd)
        self.usage = Usage(
            llm_calls=self.usage.llm_calls + usage.llm_calls,
            input_tokens=self.usage.input_tokens + usage.input_tokens,
            output_tokens=self.usage.output_tokens + usage.output_tokens,
            cost_usd=None if None in costs else sum(c for c in costs if c is not None),
        )

    def took(self, node: str, seconds: float) -> float:
        """Add to a node's time; returns the milliseconds of this pass."""
        ms = round(seconds * 1000, 3)
        self.timings_ms[node] = round(self.timings_ms.get(node, 0.0) + ms, 3)
        return ms
