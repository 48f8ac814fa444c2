"""The state machine. This file reads as the diagram: nodes, edges, routers."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Literal

from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime
from langgraph.types import Send

from app.core.exchange import Step
from app.core.types import Narrowing
from graphs.context import Context
from graphs.nodes.abstain import abstain
from graphs.nodes.compress import compress
from graphs.nodes.condense import condense
from graphs.nodes.direct import direct
from graphs.nodes.expand import expand
from graphs.nodes.finish import finish
from graphs.nodes.generate import generate
from graphs.nodes.grade import grade
from graphs.nodes.guard import guard
from graphs.nodes.plan import plan
from graphs.nodes.recall import recall
from graphs.nodes.rerank import rerank
from graphs.nodes.retrieve import retrieve
from graphs.nodes.verify import verify
from graphs.state import Input, Search, State

Node = Callable[[Any, Runtime[Context]], Awaitable[dict[str, Any]]]
Graph = StateGraph[State, Context, Input, State]


def build_graph() -> Graph:
    """Nodes and edges, not yet compiled: the caller brings the checkpointer."""
    graph: Graph = StateGraph(State, context_schema=Context, input_schema=Input)
    for node in (guard, recall, condense, plan, direct, retrieve, rerank, grade, expand,
                 compress, generate, verify, abstain, finish):  # fmt: skip
        # Two nodes see less than the whole state, which the overloads cannot say.
        action: Any = timed(node)
        graph.add_node(node.__name__, action)

    graph.add_edge(START, "guard")
    graph.add_edge("guard", "recall")
    graph.add_conditional_edges("recall", after_recall)
    graph.add_edge("condense", "plan")
    graph.add_conditional_edges("plan", after_plan, ["retrieve", "direct"])
    graph.add_edge("retrieve", "rerank")
    graph.add_edge("rerank", "grade")
    graph.add_conditional_edges("grade", after_grade)
    graph.add_conditional_edges("expand", after_expand, ["retrieve", "compress"])
    graph.add_edge("compress", "generate")
    graph.add_edge("generate", "verify")
    graph.add_conditional_edges("verify", after_verify)
    graph.add_edge("direct", "finish")
    graph.add_edge("abstain", "finish")
    graph.add_edge("finish", END)
    return graph


# Routers are coroutines: LangGraph sends a plain function to a thread pool, each time.


async def after_recall(state: State) -> Literal["finish", "condense"]:
    """A remembered answer is done."""
    return "finish" if state.get("answer") else "condense"


async def after_plan(state: State) -> Literal["direct"] | list[Send]:
    """Search, unless nothing has to be looked up."""
    if state["route"] != "retrieve":
        return "direct"
    return fan_out(state, state.get("narrowed", Narrowing()))


async def after_grade(state: State) -> Literal["compress", "expand", "abstain"]:
    """Thin evidence buys other searches; without any passage there is nothing to read."""
    if state["grade"] == "none":
        return "abstain"
    return "expand" if state["grade"] == "thin" else "compress"


async def after_expand(state: State) -> Literal["compress"] | list[Send]:
    """Search for what is new; when nothing is, make do with what there is."""
    return fan_out(state, Narrowing()) if state["queries"] else "compress"


async def after_verify(
    state: State, runtime: Runtime[Context]
) -> Literal["finish", "generate", "abstain"]:
    """What stands is shown; a draft of which nothing stands is written anew, with reasons."""
    verdict = state["verdict"]
    if verdict in ("proved", "unverified"):
        return "finish"
    again = verdict == "broken" or (verdict == "unsupported" and state["feedback"])
    left = state["drafts"] < runtime.context.answer.max_drafts
    return "generate" if again and left else "abstain"


def fan_out(state: State, narrowed: Narrowing) -> list[Send]:
    """One search for each query, side by side."""
    searches = (Search(query=query, narrowed=narrowed) for query in state["queries"])
    return [Send("retrieve", search) for search in searches]


def timed(node: Node) -> Node:
    """A node that reports its time, and, when tracing, what it changed."""

    async def run(state: Any, runtime: Runtime[Context]) -> dict[str, Any]:
        started = time.perf_counter()
        update = await node(state, runtime)
        account = runtime.context.run
        ms = account.took(node.__name__, time.perf_counter() - started)
        details = summary(update) if account.trace else {}
        runtime.stream_writer(Step(node.__name__, ms, details))
        return update

    run.__name__ = node.__name__
    run.__doc__ = node.__doc__
    return run


def summary(update: Mapping[str, Any]) -> dict[str, object]:
    """What a node changed, short enough to read."""
    return {
        key: _short(value)
        for key, value in update.items()
        if value not in (None, [], "") and key != "draft"
    }


def _short(value: Any) -> object:
    if isinstance(value, list):
        return f"{len(value)}: " + "; ".join(str(_short(item)) for item in value[:3])
    text = str(value)
    return text if len(text) <= 200 else f"{text[:199]}…"
