"""LangGraph alone: as many nodes in a row as one of Footnote's questions passes, doing nothing."""

from __future__ import annotations

import operator
from typing import Annotated, Any, TypedDict

from langgraph.graph import END, START, StateGraph

from eval.bench.material.turns import turn


class BareState(TypedDict, total=False):
    """The question, the conversation, and something for a node to change."""

    question: str
    messages: Annotated[list[dict[str, Any]], operator.add]
    step: int


def bare_graph(nodes: int) -> StateGraph[BareState, None, BareState, BareState]:
    """START → node → … → node → END; the last one adds the turn to the conversation."""
    graph: StateGraph[BareState, None, BareState, BareState] = StateGraph(BareState)
    names = [f"node_{n}" for n in range(nodes)]
    for n, name in enumerate(names):
        graph.add_node(name, _last if name == names[-1] else _step(n))
    for before, after in zip([START, *names], [*names, END], strict=True):
        graph.add_edge(before, after)
    return graph


def _step(number: int) -> Any:
    """A node; the stubs of LangGraph know no type for one."""

    async def step(state: BareState) -> dict[str, Any]:
        return {"step": number}

    return step


async def _last(state: BareState) -> dict[str, Any]:
    return {"messages": turn(state["question"], "An answer.")}
