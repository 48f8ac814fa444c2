"""Models small enough to be made in a test: random weights, the bundled tokenizer."""

from __future__ import annotations

import shutil
import struct
from pathlib import Path

from app.adapters import bundled

MAX_TOKENS = 64


def tiny_cross_encoder(folder: Path, *, labels: int = 1) -> Path:
    """A sentence-transformers cross-encoder with random weights."""
    from transformers import BertForSequenceClassification

    return _save(BertForSequenceClassification, folder, labels)


def tiny_sentence_transformer(folder: Path) -> Path:
    """A sentence-transformers embedding model with random weights."""
    from transformers import BertModel

    return _save(BertModel, folder, 1)


def _save(model_class: type, folder: Path, labels: int) -> Path:
    import torch
    from transformers import AutoTokenizer, BertConfig

    torch.manual_seed(7)
    config = BertConfig(
        vocab_size=30522,
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=MAX_TOKENS,
        num_labels=labels,
        initializer_range=0.5,  # so that scores differ
    )
    model_class(config).save_pretrained(folder)
    tokenizer = AutoTokenizer.from_pretrained(bundled.FOLDER, model_max_length=MAX_TOKENS)
    tokenizer.save_pretrained(folder)
    return folder


def tiny_onnx_cross_encoder(folder: Path) -> Path:
    """An ONNX cross-encoder whose logit is (sum of the token ids - 30,000) / 5,000.

    Written by hand (protobuf's wire format of onnx.proto), so that neither torch nor onnx is
    needed. For long texts the logits are hundreds, as no trained model's are.
    """
    nodes = [
        _node("Cast", ["input_ids"], "ids", _attribute("to", 1)),
        _node("ReduceSum", ["ids"], "sum", _axis_1(), _attribute("keepdims", 1)),
        _node("Sub", ["sum", "middle"], "centred"),
        _node("Mul", ["centred", "scale"], "logits"),
    ]
    graph = b"".join(_bytes(1, node) for node in nodes)
    graph += _bytes(2, b"tiny")
    graph += _bytes(5, _scalar("middle", 30_000.0)) + _bytes(5, _scalar("scale", 1 / 5_000))
    graph += _bytes(11, _tensor("input_ids", 7, "sequence"))
    graph += _bytes(12, _tensor("logits", 1, "one"))
    return _onnx_folder(folder, graph)


def tiny_onnx_embedder(folder: Path) -> Path:
    """An ONNX embedding model without layers: each token has a random vector of its own."""
    import numpy as np

    table = np.random.default_rng(7).standard_normal((30522, 16), dtype=np.float32)
    graph = _bytes(1, _node("Gather", ["table", "input_ids"], "last_hidden_state"))
    graph += _bytes(2, b"tiny")
    graph += _bytes(5, _table("table", table.shape, table.tobytes()))
    graph += _bytes(11, _tensor("input_ids", 7, "sequence"))
    graph += _bytes(12, _tensor("last_hidden_state", 1, "sequence", "width"))
    return _onnx_folder(folder, graph)


def tiny_fastembed_embedder(cache: Path) -> str:
    """The name of an embedding model that fastembed knows and finds in a cache of its own."""
    from fastembed import TextEmbedding
    from fastembed.common.model_description import ModelSource, PoolingType

    name = "footnote-tests/tiny-embedder"
    tiny_onnx_embedder(cache / "tiny-embedder")
    if name not in [entry["model"] for entry in TextEmbedding.list_supported_models()]:
        TextEmbedding.add_custom_model(
            model=name,
            pooling=PoolingType.MEAN,
            normalization=True,
            sources=ModelSource(hf=name),
            dim=16,
            model_file="model.onnx",
            license="mit",
        )
    return name


def tiny_fastembed_reranker(cache: Path) -> str:
    """The name of a cross-encoder that fastembed knows and finds in a cache of its own."""
    from fastembed.common.model_description import ModelSource
    from fastembed.rerank.cross_encoder import TextCrossEncoder

    name = "footnote-tests/tiny-reranker"
    tiny_onnx_cross_encoder(cache / "tiny-reranker")
    if name not in [entry["model"] for entry in TextCrossEncoder.list_supported_models()]:
        TextCrossEncoder.add_custom_model(name, ModelSource(hf=name), model_file="model.onnx")
    return name


def _onnx_folder(folder: Path, graph: bytes) -> Path:
    model = _int(1, 8) + _bytes(7, graph) + _bytes(8, _int(2, 12))
    folder.mkdir(parents=True, exist_ok=True)
    for file in bundled.FOLDER.glob("*.json"):
        shutil.copy(file, folder)
    (folder / "model.onnx").write_bytes(model)
    return folder


def _varint(value: int) -> bytes:
    out = b""
    while value > 127:
        out, value = out + bytes([value & 127 | 128]), value >> 7
    return out + bytes([value])


def _int(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _bytes(field: int, value: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(value)) + value


def _node(kind: str, inputs: list[str], output: str, *attributes: bytes) -> bytes:
    body = b"".join(_bytes(1, name.encode()) for name in inputs)
    body += _bytes(2, output.encode()) + _bytes(4, kind.encode())
    return body + b"".join(_bytes(5, attribute) for attribute in attributes)


def _attribute(name: str, value: int) -> bytes:
    return _bytes(1, name.encode()) + _int(3, value) + _int(20, 2)


def _axis_1() -> bytes:
    return _bytes(1, b"axes") + _int(8, 1) + _int(20, 7)


def _scalar(name: str, value: float) -> bytes:
    return _int(2, 1) + _bytes(9, struct.pack("<f", value)) + _bytes(8, name.encode())


def _table(name: str, shape: tuple[int, ...], data: bytes) -> bytes:
    dims = b"".join(_int(1, length) for length in shape)
    return dims + _int(2, 1) + _bytes(9, data) + _bytes(8, name.encode())


def _tensor(name: str, kind: int, *more: str) -> bytes:
    shape = b"".join(_bytes(1, _bytes(2, dim.encode())) for dim in ("batch", *more))
    return _bytes(1, name.encode()) + _bytes(2, _bytes(1, _int(1, kind) + _bytes(2, shape)))
