"""Write `app/models/reader/model.onnx`: the trained reader with int8 matrices.

    python -m eval.training.export_reader CHECKPOINT [FILE]

The same graph and the same quantization as the encoder's (`export_minilm.py`), with the heads,
which are small, in fp32.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from app.adapters import bundled
from eval.training.export_minilm import Exact, Quantized, smoothing
from eval.training.minilm import Array, Weights
from eval.training.reader_graph import draw_reader


def main() -> None:
    """Read, quantize, write, compare."""
    weights = read_checkpoint(Path(sys.argv[1]))
    target = Path(sys.argv[2]) if sys.argv[2:] else bundled.READER_FOLDER / "model.onnx"
    data = quantized(weights)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(data)
    apart = compare(exact(weights), data)
    sys.stdout.write(
        f"{target}: {len(data) / 1e6:.1f} MB, sha256 {hashlib.sha256(data).hexdigest()}\n"
    )
    for name, value in apart.items():
        sys.stdout.write(f"{name}: mean difference to fp32 {value:.4f}\n")


def read_checkpoint(file: Path) -> Weights:
    """Weights by name; the encoder's as BERT names them."""
    import torch

    state: Mapping[str, torch.Tensor] = torch.load(file, weights_only=True)
    return {name.removeprefix("encoder."): value.float().numpy() for name, value in state.items()}


def exact(weights: Weights) -> bytes:
    """The reader in fp32."""
    return draw_reader(weights, Exact())


def quantized(weights: Weights) -> bytes:
    """The reader in int8."""
    return draw_reader(weights, Quantized(smoothing(weights)))


def compare(exact: bytes, quantized: bytes) -> dict[str, float]:
    """The mean difference of each output, over passages of the sample handbook."""
    from eval.bench.material.handbook import passages

    tokenizer = bundled.tokenizer()
    models = [bundled.session(exact), bundled.session(quantized)]
    question = tokenizer.encode("how many days of leave do employees get?").ids
    apart: dict[str, list[Array]] = {}
    for text in passages(32):
        ids = [*question, *tokenizer.encode(text).ids[1:]]
        feed = {
            "input_ids": np.array([ids], dtype=np.int32),
            "told": np.array([len(question)], dtype=np.int64),
        }
        first, second = (model.run(None, feed) for model in models)
        for name, one, other in zip(
            ("relevance", "answerable", "starts", "ends"), first, second, strict=True
        ):
            apart.setdefault(name, []).append(np.abs(one - other).mean())
    return {name: float(np.mean(values)) for name, values in apart.items()}


if __name__ == "__main__":
    main()
