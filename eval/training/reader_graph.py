"""The reader-reranker as an ONNX graph, drawn from its weights; see `reader_model.py`.

It reads one question with one passage. Inputs: `input_ids`, shape (1, tokens), and `told`, the
number of the passage's first token. Outputs: `relevance` and `answerable`, shape (1,), and
`starts` and `ends`, shape (tokens of the passage,): all log-odds.
"""

from __future__ import annotations

import numpy as np

from eval.training.minilm import Graph, Multiply, Weights, tokens

POSITIONS = 512
_RESULTS = ("relevance", "answerable", "starts", "ends")


def draw_reader(weights: Weights, multiply: Multiply) -> bytes:
    """The serialized graph.

    Args:
        weights: Of the encoder as BERT names them, and of the heads as ReaderModel does.
    """
    graph = Graph()
    hidden = tokens(graph, weights, multiply, positions=POSITIONS, second="told")
    rows = graph.node("Squeeze", hidden, _whole(graph, 0))
    one, last = _whole(graph, 1), _whole(graph, -1)
    first = graph.node("Slice", rows, _whole(graph, 0), one)
    question = graph.node("Slice", rows, one, graph.node("Sub", "told", one))
    passage = graph.node("Slice", rows, "told", last)
    product = graph.node("Mul", _mean(graph, question), _mean(graph, passage))
    cosine = graph.node("ReduceSum", product, last, keepdims=1)
    late = _late(graph, question, passage)
    spans = _linear(graph, weights, "span", passage)
    starts, ends = graph.nodes_out("Split", spans, results=2, axis=1, num_outputs=2)
    best = graph.node("Add", _largest(graph, starts), _largest(graph, ends))
    tenth = graph.node("Mul", best, graph.constant("tenth", np.float32(0.1)))
    relevance = _linear(graph, weights, "relevance", _joined(graph, first, product, cosine, late))
    answerable = _linear(graph, weights, "answerable", _joined(graph, first, product, tenth))
    found = (relevance, answerable, starts, ends)
    flat = {
        name: graph.node("Reshape", value, last)
        for name, value in zip(_RESULTS, found, strict=True)
    }
    return bytes(graph.model(flat, numbers=["told"]).SerializeToString())


def _whole(graph: Graph, number: int) -> str:
    return graph.constant(f"whole_{number}", np.array([number]))


def _linear(graph: Graph, weights: Weights, name: str, value: str) -> str:
    weight = graph.constant(f"{name}.weight", weights[f"{name}.weight"].T)
    return graph.node(
        "Add",
        graph.node("MatMul", value, weight),
        graph.constant(f"{name}.bias", weights[f"{name}.bias"]),
    )


def _joined(graph: Graph, *values: str) -> str:
    return graph.node("Concat", *values, axis=1)


def _mean(graph: Graph, rows: str) -> str:
    mean = graph.node("ReduceMean", rows, _whole(graph, 0), keepdims=1)
    return graph.node("LpNormalization", mean, axis=-1, p=2)


def _late(graph: Graph, question: str, passage: str) -> str:
    """Mean over the question's tokens of the best cosine among the passage's."""
    asked = graph.node("LpNormalization", question, axis=-1, p=2)
    told = graph.node("LpNormalization", passage, axis=-1, p=2)
    cosines = graph.node("MatMul", asked, graph.node("Transpose", told, perm=[1, 0]))
    best = graph.node("ReduceMax", cosines, _whole(graph, 1), keepdims=1)
    return graph.node("ReduceMean", best, _whole(graph, 0), keepdims=1)


def _largest(graph: Graph, column: str) -> str:
    return graph.node("ReduceMax", column, _whole(graph, 0), keepdims=1)
