"""Where it was measured: figures mean little without it."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

_PACKAGES = (
    "footnote-rag", "qdrant-edge-py", "fastembed", "onnxruntime", "langgraph",
    "langgraph-checkpoint-sqlite", "numpy", "langchain-classic", "langchain-community",
    "langchain-qdrant", "llama-index-core", "haystack-ai", "qdrant-client",
    "rank-bm25", "sentence-transformers", "torch",
)  # fmt: skip


def describe() -> dict[str, Any]:
    """Date, machine and versions. The load says how busy the machine was beforehand."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "cores": os.cpu_count(),
        "cpu": _cpu(),
        "memory_gb": round(memory / 1e9, 1),
        "load": round(os.getloadavg()[0], 1),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in _PACKAGES},
    }


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:  # not Linux
        return platform.processor()
    return next((line.split(":")[1].strip() for line in lines if "model name" in line), "")


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
