"""How much is measured."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from eval.judged.sets import SHARED


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


@dataclass(frozen=True, slots=True)
class Judged:
    """Which judged sets are searched; see `eval/judged/sets.py`.

    Args:
        data: The folder they lie in.
        cache: Folder in which vectors are remembered from run to run; None forgets them.
        sets: Their names; without any, all that are there.
        questions: At most so many of each set; 0: all.
        answers: Questions that are answered, one after the other and by many clients at once.
        peers_on: Sets that other libraries search too; without any, all.
        cross_encoder: Name or folder of a model for the reranking stage of other libraries.
    """

    data: Path = SHARED
    cache: Path | None = None
    sets: tuple[str, ...] = ()
    questions: int = 100
    answers: int = 160
    peers_on: tuple[str, ...] = ("scifact", "docs_rag", "xquad")
    cross_encoder: str = ""


QUICK_JUDGED = Judged(
    sets=("docs_rag", "cranfield", "chunking_eval", "xquad"), questions=25, answers=32
)
WHOLE_JUDGED = Judged(questions=200, peers_on=())
