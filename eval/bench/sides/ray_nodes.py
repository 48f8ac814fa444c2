"""Files to chunks in the index, by a Ray cluster of so many nodes of one CPU on this machine."""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from pathlib import Path
from typing import Any

from eval.bench.child import Unavailable
from eval.bench.material.handbook import passages

_PASSAGES = 6  # of 150 words, to a file
_WARM = 0.2  # share of the files after which every worker has its model
_STORE_BYTES = 100_000_000


def measure(*, nodes: int, files: int) -> dict[str, Any]:
    """Chunks, seconds in all, files a second once it is under way, and the documents' hashes."""
    # Ray reads this when it is imported: all nodes are this machine's, none is to be reached
    # from outside.
    os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    try:
        from ray.cluster_utils import Cluster
    except ImportError as error:
        raise Unavailable("the extra `ray` is missing") from error
    node = {"num_cpus": 1, "object_store_memory": _STORE_BYTES, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args=node)
    try:
        for _ in range(1, nodes):
            cluster.add_node(**{**node, "include_dashboard": None})
        cluster.wait_for_nodes()
        with tempfile.TemporaryDirectory() as folder:
            return asyncio.run(_measure(cluster.address, nodes, files, Path(folder)))
    finally:
        cluster.shutdown()


async def _measure(address: str, nodes: int, files: int, folder: Path) -> dict[str, Any]:
    from app.core.settings import load_settings
    from app.core.types import Scope
    from app.wiring import open_footnote

    docs = folder / "docs"
    docs.mkdir()
    texts = passages(files * _PASSAGES)
    for n in range(files):
        some = texts[n * _PASSAGES : (n + 1) * _PASSAGES]
        paragraphs = "\n\n".join(f"File {n}. {text}" for text in some)
        (docs / f"{n:04}.md").write_text(paragraphs, "utf-8")
    done: list[float] = []

    def note(count: int, total: int, name: str) -> None:
        done.append(time.perf_counter())

    async with open_footnote(load_settings(data_dir=folder / "data")) as footnote:
        report = await footnote.ingest(
            [docs], tenant="default", tags={}, workers=nodes, address=address, progress=note
        )
        documents = await footnote.store.documents(Scope())
    warm = int(_WARM * files)
    return {
        "chunks": report.chunks,
        "seconds": report.seconds,
        "rate": (len(done) - warm) / (done[-1] - done[warm]),
        "failures": len(report.failures),
        "contents": sorted(document.content_hash for document in documents),
    }
