"""Quality: every stage of Footnote's retrieval, and other libraries, on the judged sets."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from eval.bench import quality_figures as figures
from eval.bench import quality_tables as shown
from eval.bench.child import BenchError, Unavailable, measure, say
from eval.bench.quality_figures import Measured
from eval.bench.result import Outcome
from eval.bench.sizes import Judged
from eval.judged.sets import locate, present

_PEERS: Mapping[str, tuple[str, dict[str, Any]]] = {
    "LangChain": ("quality_langchain", {}),
    "LangChain, lower-case words": ("quality_langchain", {"words": True}),
    "LlamaIndex": ("quality_llamaindex", {}),
    "Haystack": ("quality_haystack", {}),
}
_WITH_CROSS_ENCODER = "LangChain, lower-case words, cross-encoder"
_OTHER = "LangChain, LlamaIndex, Haystack: rank fusion, same passages, same model"
_WHAT = (
    "LangChain is EnsembleRetriever over rank_bm25 and qdrant-client's local mode, LlamaIndex "
    "QueryFusionRetriever over its own store and bm25s, Haystack a pipeline over its memory store"
)


def run(judged: Judged) -> Outcome:
    """Measure each set in turn, ours and the others in processes of their own.

    Raises MissingSetError when a set that is named is not there.
    """
    names = judged.sets or tuple(present(judged.data))
    if not names or not judged.data.is_dir():
        return Outcome(
            "quality", notes=[f"no judged sets in {judged.data}: name their folder with --data"]
        )
    for name in names:
        locate(judged.data, name)
    peers = dict(_PEERS)
    notes = [_WHAT]
    if judged.cross_encoder:
        peers[_WITH_CROSS_ENCODER] = (
            "quality_langchain",
            {"words": True, "cross_encoder": judged.cross_encoder},
        )
    else:
        notes.append(
            "the other libraries rerank with nothing: no cross-encoder comes with them, and "
            "none was named with --cross-encoder"
        )
    with tempfile.TemporaryDirectory() as folder:
        cache = str((judged.cache or Path(folder)).absolute())
        measured = [_measured(name, judged, cache, peers, notes) for name in names]
    return Outcome(
        "quality",
        ours="Footnote: the service's own search, bundled models",
        other=_OTHER,
        rows=figures.rows(measured),
        bars=figures.bars(measured),
        notes=[*notes, *figures.notes(measured)],
        tables=shown.tables(measured),
        pictures=shown.pictures(measured),
    )


def _measured(
    name: str,
    judged: Judged,
    cache: str,
    peers: dict[str, tuple[str, dict[str, Any]]],
    notes: list[str],
) -> Measured:
    """Figures of one set. A library that is missing or breaks is left out from then on."""
    arguments: dict[str, Any] = {
        "data": str(judged.data.absolute()),
        "cache": cache,
        "name": name,
        "asked": judged.questions,
    }
    say(f"quality: {name}")
    ours = measure("quality_footnote", **arguments)
    others = {}
    if not judged.peers_on or name in judged.peers_on:
        for peer, (module, options) in list(peers.items()):
            try:
                others[peer] = measure(module, **arguments, **options)
                say(f"  {peer}: built in {others[peer]['build_s']:.1f} s")
            except (Unavailable, BenchError) as error:
                del peers[peer]
                notes.append(f"{peer} is left out: {error}")
    return Measured.of(name, ours, others)
