"""One side of a comparison, in this process.

    python -m eval.bench.side MODULE '{"argument": value}'

imports `eval.bench.sides.MODULE`, calls its `measure` and prints what it returns as JSON.
"""

from __future__ import annotations

import importlib
import json
import resource
import sys

from eval.bench.child import Unavailable


def main(module: str, arguments: str) -> None:
    """Print the figures of a side, with the most memory that it can have held at once."""
    try:
        found = importlib.import_module(f"eval.bench.sides.{module}").measure(
            **json.loads(arguments)
        )
    except Unavailable as missing:
        found = {"unavailable": str(missing)}
    else:
        # With the largest process that it started, such as the embedded engine's.
        whose = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
        peak = sum(resource.getrusage(who).ru_maxrss for who in whose)
        found["peak_mb"] = peak / (1e6 if sys.platform == "darwin" else 1e3)
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
