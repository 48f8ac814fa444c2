"""all-MiniLM-L6-v2 as an ONNX graph, drawn by hand from its weights.

The graph reads one text, or several of the same length: nothing is padded, so nothing is
masked. Mean pooling and normalization are part of it. How a matrix is multiplied is left to
the caller, so that one drawing serves the exact model and the quantized one.

Add and LayerNormalization stand apart on purpose: ONNX Runtime's fused
SkipLayerNormalization is ten times slower on a CPU.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

LAYERS, HEADS, WIDTH, POSITIONS = 6, 12, 384, 256
FUSED = "com.microsoft"
"""ONNX Runtime's own operators."""

_EPSILON = 1e-12
Array = NDArray[Any]
Weights = Mapping[str, Array]


@dataclass(slots=True)
class Graph:
    """A graph that is being drawn; values are known by their names."""

    nodes: list[Any] = field(default_factory=list)
    constants: dict[str, Array] = field(default_factory=dict)

    def constant(self, name: str, value: Array | np.generic) -> str:
        """A constant; the same name twice is the same constant."""
        self.constants.setdefault(name, np.asarray(value, order="C"))
        return name

    def node(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """The result of an operator; fused ones are marked by `domain=FUSED`."""
        return self.nodes_out(operator, *inputs, results=1, **attributes)[0]

    def nodes_out(self, operator: str, *inputs: str, results: int, **attributes: Any) -> list[str]:
        """The results of an operator that has several."""
        from onnx import helper

        number = len(self.nodes)
        names = [f"{operator}_{number}_{n}" for n in range(results)]
        self.nodes.append(
            helper.make_node(operator, inputs, names, name=f"{operator}_{number}", **attributes)
        )
        return names

    def model(self, results: Mapping[str, str], *, numbers: Sequence[str] = ()) -> Any:
        """The finished onnx.ModelProto.

        Args:
            results: Its outputs: name to value.
            numbers: Further inputs, each a whole number of shape (1,).
        """
        from onnx import TensorProto, helper, numpy_helper

        renamed = [helper.make_node("Identity", [value], [name]) for name, value in results.items()]
        graph = helper.make_graph(
            [*self.nodes, *renamed],
            "all-MiniLM-L6-v2",
            [
                helper.make_tensor_value_info("input_ids", TensorProto.INT32, ["texts", "tokens"]),
                *(helper.make_tensor_value_info(n, TensorProto.INT64, [1]) for n in numbers),
            ],
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in results],
            [numpy_helper.from_array(value, name) for name, value in self.constants.items()],
        )
        versions = [helper.make_opsetid("", 20), helper.make_opsetid(FUSED, 1)]
        return helper.make_model(graph, opset_imports=versions, ir_version=9)


class Multiply(Protocol):
    """How the model's tables and matrices are kept and used."""

    def look_up(self, graph: Graph, table: Array) -> str:
        """Rows of the word table, shape (words, width), at the graph's `input_ids`."""

    def dense(self, graph: Graph, value: str, layer: str, weight: Array, bias: Array) -> str:
        """value @ weight + bias; `layer` is such as `3.output`."""


def draw(weights: Weights, multiply: Multiply) -> tuple[Graph, str]:
    """The graph, and the name of its vectors: shape (texts, width), rows of unit length."""
    graph = Graph()
    value = tokens(graph, weights, multiply)
    axis = graph.constant("tokens_axis", np.array([1]))
    mean = graph.node("ReduceMean", value, axis, keepdims=0)
    return graph, graph.node("LpNormalization", mean, axis=-1, p=2)


def tokens(
    graph: Graph,
    weights: Weights,
    multiply: Multiply,
    *,
    positions: int = POSITIONS,
    second: str = "",
) -> str:
    """The name of what the last layer says of each token: shape (texts, tokens, width).

    Args:
        positions: How many tokens a text has at the most.
        second: Name of the number at which each text's second part begins; empty: there is none.
    """
    value = _embedding(graph, weights, multiply, positions, second)
    for number in range(LAYERS):
        value = _layer(graph, weights, multiply, number, value)
    return value


def _embedding(
    graph: Graph, weights: Weights, multiply: Multiply, positions: int, second: str
) -> str:
    words = multiply.look_up(graph, weights["embeddings.word_embeddings.weight"])
    places = weights["embeddings.position_embeddings.weight"][:positions]
    kinds = weights["embeddings.token_type_embeddings.weight"]
    table = graph.constant("places", places + kinds[0])
    length = graph.node("Shape", "input_ids", start=1, end=2)
    start = graph.constant("start", np.array([0]))
    added = graph.node("Add", words, graph.node("Slice", table, start, length))
    if second:
        numbers = graph.constant("numbers", np.arange(positions)[:, None])
        later = graph.node("GreaterOrEqual", graph.node("Slice", numbers, start, length), second)
        step = graph.constant("second_kind", (kinds[1] - kinds[0])[None, :])
        added = graph.node("Add", added, graph.node("Mul", graph.node("Cast", later, to=1), step))
    return _normalized(graph, weights, "embeddings.LayerNorm", added)


def _layer(graph: Graph, weights: Weights, multiply: Multiply, number: int, value: str) -> str:
    at = f"encoder.layer.{number}"
    parts = [_matrix(weights, f"{at}.attention.self.{n}") for n in ("query", "key", "value")]
    together = np.concatenate([w for w, _ in parts], 1), np.concatenate([b for _, b in parts])
    asked = multiply.dense(graph, value, f"{number}.attention", *together)
    split = graph.nodes_out("Split", asked, results=3, axis=-1, num_outputs=3)
    seen = graph.node("MultiHeadAttention", *split, domain=FUSED, num_heads=HEADS)
    joined = _matrix(weights, f"{at}.attention.output.dense")
    seen = multiply.dense(graph, seen, f"{number}.joined", *joined)
    value = _normalized(
        graph, weights, f"{at}.attention.output.LayerNorm", graph.node("Add", seen, value)
    )
    inner = _matrix(weights, f"{at}.intermediate.dense")
    wide = graph.node("Gelu", multiply.dense(graph, value, f"{number}.inner", *inner))
    outer = multiply.dense(graph, wide, f"{number}.output", *_matrix(weights, f"{at}.output.dense"))
    return _normalized(graph, weights, f"{at}.output.LayerNorm", graph.node("Add", outer, value))


def _matrix(weights: Weights, name: str) -> tuple[Array, Array]:
    return weights[f"{name}.weight"].T, weights[f"{name}.bias"]


def _normalized(graph: Graph, weights: Weights, name: str, value: str) -> str:
    scale = graph.constant(f"{name}.weight", weights[f"{name}.weight"])
    bias = graph.constant(f"{name}.bias", weights[f"{name}.bias"])
    return graph.node("LayerNormalization", value, scale, bias, axis=-1, epsilon=_EPSILON)
