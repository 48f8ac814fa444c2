"""Each side of a comparison runs in a process of its own: no shared memory, no shared caches."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).parents[2]
_OTHERS = ("FOOTNOTE_", "OPENAI_", "LANGFUSE_", "LANGSMITH_", "LANGCHAIN_", "QDRANT_")


class BenchError(Exception):
    """A side did not come to its end."""


class Unavailable(Exception):
    """What a side needs is not installed."""


def measure(
    module: str, enter: Callable[[], object] | None = None, /, **arguments: Any
) -> dict[str, Any]:
    """Run one side; what it returns, and its `peak_mb`.

    Args:
        module: Of `eval.bench.sides`.
        enter: Called in the new process before its program begins, see `confine.container`.
        arguments: Of the side.

    Raises:
        Unavailable: What the side needs is not installed.
        BenchError: It failed; its traceback is on stderr.
    """
    command = [sys.executable, "-m", "eval.bench.side", module, json.dumps(arguments)]
    with tempfile.TemporaryDirectory() as folder:  # no footnote.toml, no .env
        done = subprocess.run(  # noqa: S603 - our own module
            command,
            stdout=subprocess.PIPE,
            text=True,
            cwd=folder,
            env=_environment(),
            check=False,
            preexec_fn=enter,
        )
    if done.returncode:
        raise BenchError(f"{module} failed with status {done.returncode}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    if "unavailable" in found:
        raise Unavailable(found["unavailable"])
    return found


def say(text: str) -> None:
    """A line of progress, on stderr."""
    print(text, file=sys.stderr, flush=True)


def _environment() -> dict[str, str]:
    """Without settings of the user's shell, which would change what is measured."""
    kept = {name: v for name, v in os.environ.items() if not name.upper().startswith(_OTHERS)}
    path = [str(_ROOT), *filter(None, [kept.get("PYTHONPATH")])]
    quiet = {"HF_HUB_OFFLINE": "1", "TQDM_DISABLE": "1"}
    return kept | quiet | {"PYTHONPATH": os.pathsep.join(path)}
