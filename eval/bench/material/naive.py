"""LangGraph as tutorials use it: documents in the state, a checkpoint after every node, none
ever dropped."""

from __future__ import annotations

import operator
from dataclasses import dataclass
from typing import Annotated, Any, TypedDict

from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime

from eval.bench.material.turns import turn


@dataclass(frozen=True, slots=True)
class Found:
    """What this turn's search and model bring: the same as in Footnote's turn."""

    documents: list[dict[str, Any]]
    kept: int
    answer: str


class NaiveState(TypedDict, total=False):
    """Everything, all of it checkpointed."""

    question: str
    messages: Annotated[list[dict[str, Any]], operator.add]
    documents: list[dict[str, Any]]
    answer: str
    step: str


def naive_graph() -> StateGraph[NaiveState, Found, NaiveState, NaiveState]:
    """The nodes of Footnote's usual path, in a row."""
    graph: StateGraph[NaiveState, Found, NaiveState, NaiveState] = StateGraph(
        NaiveState, context_schema=Found
    )
    names = ["guard", "recall", "condense", "plan", "retrieve", "rerank", "grade", "compress",
             "generate", "verify", "finish"]  # fmt: skip
    work = {"retrieve": _retrieve, "rerank": _rerank, "generate": _generate, "finish": _finish}
    for name in names:
        graph.add_node(name, work.get(name, _pass))
    for before, after in zip([START, *names], [*names, END], strict=True):
        graph.add_edge(before, after)
    return graph


async def _pass(state: NaiveState, runtime: Runtime[Found]) -> dict[str, Any]:
    return {"step": "done"}


async def _retrieve(state: NaiveState, runtime: Runtime[Found]) -> dict[str, Any]:
    return {"documents": runtime.context.documents}


async def _rerank(state: NaiveState, runtime: Runtime[Found]) -> dict[str, Any]:
    return {"documents": state["documents"][: runtime.context.kept]}


async def _generate(state: NaiveState, runtime: Runtime[Found]) -> dict[str, Any]:
    return {"answer": runtime.context.answer}


async def _finish(state: NaiveState, runtime: Runtime[Found]) -> dict[str, Any]:
    return {"messages": turn(state["question"], state["answer"])}
