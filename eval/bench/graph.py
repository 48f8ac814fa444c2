"""The graph: what Footnote's own nodes, state and routers add to LangGraph's."""

from __future__ import annotations

import numpy as np

from eval.bench.child import measure, say
from eval.bench.result import Bar, Outcome, Row
from eval.bench.sizes import Sizes

_TIMES_BARE = 2.0


def run(sizes: Sizes) -> Outcome:
    """Run the real graph with parts that take no time, and one of empty nodes, in turn."""
    say(f"graph: {sizes.turns} turns of each contestant")
    found = measure("graph_turns", turns=sizes.turns)
    wall = {name: float(np.median(ms)) for name, ms in found["ms"].items()}
    cpu = {name: float(np.median(ms)) for name, ms in found["cpu_ms"].items()}
    return Outcome(
        "graph",
        ours="Footnote's graph, zero-latency store, encoders, reranker and model",
        other=f"bare LangGraph, {found['nodes']} empty nodes in a row",
        rows=[
            Row("turn, SQLite checkpoint", "ms", wall["graph"], wall["bare"]),
            Row("its CPU time, SQLite checkpoint", "ms", cpu["graph"], cpu["bare"]),
            Row("turn, no checkpointer", "ms", wall["graph_unsaved"], wall["bare_unsaved"]),
            Row("its CPU time, no checkpointer", "ms", cpu["graph_unsaved"], cpu["bare_unsaved"]),
            Row("Footnote.ask, pruning included", "ms", wall["service"], wall["bare"]),
        ],
        bars=[
            Bar("graph, times the bare turn", wall["graph"] / wall["bare"], _TIMES_BARE),
            Bar(
                "graph, times the bare turn, no checkpointer",
                wall["graph_unsaved"] / wall["bare_unsaved"],
                _TIMES_BARE,
            ),
        ],
        notes=[f'medians of {sizes.turns} new conversations, durability="exit", in turn'],
    )
