"""The reader's weights out of its own int8 graph: what `export_reader.py` does, undone.

What rounding to int8 took away stays away; the same graph drawn again from these weights is the
same to within that rounding.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from eval.training.export_minilm import LEVELS
from eval.training.minilm import LAYERS, Array

_NAMES = {
    "attention": ("attention.self.query", "attention.self.key", "attention.self.value"),
    "joined": ("attention.output.dense",),
    "inner": ("intermediate.dense",),
    "output": ("output.dense",),
}
_HEADS = ("relevance", "answerable", "span")


def read_graph(file: Path) -> dict[str, Array]:
    """Weights by name, fp32: the encoder's as BERT names them, the heads' as ReaderModel does."""
    import onnx
    from onnx import numpy_helper

    graph = onnx.load(str(file)).graph
    constants = {one.name: numpy_helper.to_array(one) for one in graph.initializer}
    kind = constants["second_kind"][0]
    found = {
        "embeddings.word_embeddings.weight": constants["words"] * constants["words.scale"],
        # The first kind's vector was added to every place.
        "embeddings.position_embeddings.weight": constants["places"],
        "embeddings.token_type_embeddings.weight": np.stack([np.zeros_like(kind), kind]),
    }
    for name, value in constants.items():
        if "LayerNorm" in name:
            found[name] = value
    for number in range(LAYERS):
        for layer, names in _NAMES.items():
            found |= _layer(constants, f"{number}.{layer}", number, names)
    for head in _HEADS:
        found[f"{head}.weight"] = constants[f"{head}.weight"].T
        found[f"{head}.bias"] = constants[f"{head}.bias"]
    return {name: np.ascontiguousarray(value, dtype=np.float32) for name, value in found.items()}


def _layer(
    constants: dict[str, Array], layer: str, number: int, names: tuple[str, ...]
) -> dict[str, Array]:
    """The matrices of one layer, several of which may stand side by side."""
    scale = constants[f"{layer}.scale"] * (LEVELS if layer.endswith("output") else 1)
    weight = constants[f"{layer}.weight"] * scale
    if f"{layer}.smooth" in constants:
        weight = weight * constants[f"{layer}.smooth"][:, None]
    found: dict[str, Array] = {}
    columns = np.split(weight, len(names), axis=1)
    offsets = np.split(constants[f"{layer}.bias"], len(names))
    for name, matrix, offset in zip(names, columns, offsets, strict=True):
        found[f"encoder.layer.{number}.{name}.weight"] = matrix.T
        found[f"encoder.layer.{number}.{name}.bias"] = offset
    return found
