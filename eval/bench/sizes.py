"""How much is measured."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sizes:
    """The full size; the bars are meant for it.

    Args:
        chunks: In the index that is searched.
        queries: Searches that are timed.
        turns: Of each contestant in the comparison of graphs.
        conversation: Turns of the conversation whose checkpoint is weighed.
        passages: Chunks that are encoded.
        library: Chunks of the index whose memory is measured.
        rounds: How often they are encoded; the fastest round counts.
        files: That are ingested, as often.
        cluster_files: That a cluster ingests.
        many_files: That are ingested once, to see what grows.
    """

    chunks: int = 100_000
    queries: int = 100
    turns: int = 300
    conversation: int = 50
    passages: int = 256
    rounds: int = 5
    files: int = 1_000
    cluster_files: int = 300
    many_files: int = 20_000
    library: int = 1_000_000


FULL = Sizes()
QUICK = Sizes(
    chunks=5_000,
    queries=50,
    turns=60,
    conversation=10,
    passages=64,
    rounds=1,
    files=100,
    cluster_files=60,
    many_files=300,
    library=20_000,
)
