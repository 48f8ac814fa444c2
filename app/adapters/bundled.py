"""The models that come along, with int8 weights, in `app/models`.

The README beside each tells where the weights come from and how good they are.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from app.core.errors import ConfigError

NAME = "all-MiniLM-L6-v2-int8/2"
DIMENSIONS = 384
MAX_TOKENS = 256  # what the model was trained on
FOLDER = Path(__file__).parent.parent / "models" / "minilm"
REINSTALL = "reinstall it: pip install --force-reinstall --no-deps footnote-rag"
READER_NAME = "footnote-reader/3"
READER_TOKENS = 384  # question and passage together
READER_FOLDER = FOLDER.parent / "reader"
_SHA256 = {
    FOLDER: "360575b12fc618e35e63cca15265592c8df822be74b6d7c058256b2788b51051",
    READER_FOLDER: "0012bb5deac87bbefe6db631d469f72783c1556dac03a61193dbf246c9cebf20",
}


def weights(folder: Path = FOLDER) -> Path:
    """The ONNX file of a model, checked. Raises ConfigError when it is missing or damaged."""
    file, what = folder / "model.onnx", "model" if folder == FOLDER else "reader"
    try:
        with file.open("rb") as data:
            found = hashlib.file_digest(data, "sha256").hexdigest()
    except OSError as error:
        raise ConfigError(f"the bundled {what} is not installed", hint=REINSTALL) from error
    if found != _SHA256[folder]:
        raise ConfigError(f"the bundled {what}'s file is damaged", hint=REINSTALL)
    return file


def checksum(folder: Path) -> str:
    """The SHA-256 that a model's file has in this version."""
    return _SHA256[folder]


def tokenizer() -> Any:
    """A `tokenizers.Tokenizer` that neither cuts nor pads. Raises ConfigError when damaged."""
    from tokenizers import Tokenizer

    try:
        found = Tokenizer.from_file(str(FOLDER / "tokenizer.json"))
    except Exception as error:  # the library has no name for what is wrong with a file
        raise ConfigError("the bundled model's tokenizer is damaged", hint=REINSTALL) from error
    found.no_truncation()
    found.no_padding()
    return found


def session(model: Path | bytes) -> Any:
    """An ONNX Runtime session that runs in the thread that calls it; many may.

    The graph is already as it should run: the fusions that ONNX Runtime would add make
    it slower (`eval/training/minilm.py`).
    """
    from onnxruntime import GraphOptimizationLevel, InferenceSession, SessionOptions

    options = SessionOptions()
    options.intra_op_num_threads = 1
    options.graph_optimization_level = GraphOptimizationLevel.ORT_ENABLE_BASIC
    source = model if isinstance(model, bytes) else str(model)
    return InferenceSession(source, options, providers=["CPUExecutionProvider"])
