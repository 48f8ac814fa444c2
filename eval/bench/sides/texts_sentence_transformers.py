"""Encoding texts from a file with sentence-transformers, fp32, as it comes."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from eval.bench.material.sentence_transformers import minilm


def measure(*, texts: str) -> dict[str, Any]:
    """Seconds for all of the texts."""
    model = minilm()
    read = json.loads(Path(texts).read_text(encoding="utf-8"))
    model.encode(read[:16])
    started = time.perf_counter()
    model.encode(read)
    return {"seconds": time.perf_counter() - started, "chunks": len(read)}
