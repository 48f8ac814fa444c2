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
        passages: Texts that are encoded.
        rounds: How often they are encoded; the fastest round counts.
        files: Ingested by a cluster.
    """

    chunks: int = 100_000
    queries: int = 100
    turns: int = 300
    conversation: int = 50
    passages: int = 256
    rounds: int = 3
    files: int = 300


FULL = Sizes()
QUICK = Sizes(chunks=5_000, queries=50, turns=60, conversation=10, passages=64, rounds=1, files=60)
