"""The house: who may import whom, and what an import alone may do."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.paths import ROOT

PACKAGES = ("app", "graphs", "prompts", "ingestion", "eval")

HEAVY = {
    "fastembed",
    "kreuzberg",
    "langchain_classic",
    "langchain_community",
    "langchain_openai",
    "langfuse",
    "langgraph",
    "matplotlib",
    "onnxruntime",
    "openai",
    "pandas",
    "psycopg",
    "py3langid",
    "pyarrow",
    "qdrant_client",
    "qdrant_edge",
    "ragas",
    "ray",
    "redis",
    "scipy",
    "sentence_transformers",
    "sentencex",
    "sklearn",
    "tokenizers",
    "torch",
    "transformers",
}

_PROBE = """
import importlib, json, sys, threading

deeds = []

def watch(event, args):
    if event == "open" and isinstance(args[1], str) and set(args[1]) & set("wax+"):
        if "__pycache__" not in str(args[0]):
            deeds.append(f"writes {args[0]}")
    elif event in ("socket.connect", "subprocess.Popen", "os.mkdir", "sqlite3.connect"):
        if "__pycache__" not in str(args):
            deeds.append(f"{event} {args}")

sys.addaudithook(watch)
for name in json.loads(sys.argv[1]):
    importlib.import_module(name)
built = [
    f"{module}.{name}"
    for module in sorted(sys.modules) if module.split(".")[0] in json.loads(sys.argv[2])
    for name, value in vars(sys.modules[module]).items()
    if type(value).__name__ in (
        "FastAPI", "Starlette", "Settings", "Worker", "CompiledStateGraph", "StateGraph",
        "Footnote", "AsyncQdrantClient", "Redis", "OpenAI", "AsyncOpenAI", "ChatOpenAI", "Langfuse",
        "PromptRegistry", "ThreadPoolExecutor",
    )
]
print(json.dumps({
    "modules": sorted({name.split(".")[0] for name in sys.modules}),
    "deeds": deeds,
    "built": built,
    "threads": threading.active_count(),
}))
"""


def importing(*names: str) -> dict[str, Any]:
    """What a fresh process has done after importing modules."""
    done = subprocess.run(
        [sys.executable, "-c", _PROBE, json.dumps(names), json.dumps(PACKAGES)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def all_modules() -> list[str]:
    """Every module of ours but those that run when imported."""
    files = (file for package in PACKAGES for file in (ROOT / package).rglob("*.py"))
    names = (file.relative_to(ROOT).with_suffix("").parts for file in files)
    return sorted(".".join(parts) for parts in names if parts[-1] not in ("__init__", "__main__"))


def test_nobody_imports_what_the_design_forbids() -> None:
    command = Path(sys.executable).parent / "lint-imports"

    done = subprocess.run(
        [command, "--no-cache"], cwd=ROOT, capture_output=True, text=True, timeout=60
    )

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("package", PACKAGES)
def test_importing_a_package_loads_nothing_heavy_and_does_nothing(package: str) -> None:
    found = importing(package)

    assert not HEAVY & set(found["modules"])
    assert found["deeds"] == []
    assert found["threads"] == 1


def test_an_error_in_the_settings_is_told_before_any_heavy_library_loads() -> None:
    core = [name for name in all_modules() if name.startswith("app.core.")]

    assert not HEAVY & set(importing(*core)["modules"])


def test_adapters_load_their_libraries_only_when_used() -> None:
    adapters = [name for name in all_modules() if name.startswith("app.adapters.")]

    assert not HEAVY & set(importing(*adapters)["modules"])


def test_importing_every_module_builds_no_client_model_or_settings() -> None:
    found = importing(*(name for name in all_modules() if not name.startswith("eval.")))

    assert found["built"] == []
    assert found["deeds"] == []
    assert found["threads"] == 1
