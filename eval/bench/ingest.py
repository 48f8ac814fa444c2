"""Ingestion: files to searchable chunks, against nothing but encoding the same chunks."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eval.bench.child import BenchError, Unavailable, measure, say
from eval.bench.confine import container
from eval.bench.result import Bar, Outcome, Row
from eval.bench.sizes import FULL, Sizes

_TIMES_FASTER = 2.5
_OF_ENCODER = 0.9
_MEMORY_GROWTH = 1.2
_AGAIN_S = 10.0
_ROUNDS = 2  # of the three sides: the other one takes a minute and more
_STEP_MB = 20  # between containers that are tried
_AS_FAST = 0.85  # of the speed without a limit: less would be thrashing


def run(sizes: Sizes) -> Outcome:
    """The whole way, the encoder alone and sentence-transformers in turns; the best of each."""
    say(f"ingest: {sizes.files} and {sizes.many_files} files")
    whole: list[dict[str, Any]] = []
    encoder: list[float] = []
    other: list[float] = []
    notes: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        texts = str(Path(folder, "texts.json"))
        for _ in range(min(sizes.rounds, _ROUNDS)):
            whole.append(_ingest(sizes.files, texts=texts))
            encoder.append(_rate(measure("texts_footnote", texts=texts)))
            try:
                other.append(_rate(measure("texts_sentence_transformers", texts=texts)))
            except Unavailable as missing:
                notes.append(f"nothing to compare with: {missing}")
        share = str(Path(folder, "many"))
        many, again = (
            measure("ingest_footnote", folder=share, files=sizes.many_files) for _ in range(2)
        )
    confined = None
    try:
        confined = _confined(sizes, whole[0]) if sizes == FULL else None
    except Unavailable as missing:
        notes.append(f"the smallest container is not known: {missing}")
    speed, alone = max(map(_rate, whole)), max(encoder)
    few_files, many_files = f"{sizes.files:,} files", f"{sizes.many_files:,} files"
    return Outcome(
        "ingest",
        ours="Footnote: files to searchable chunks in the embedded index",
        other="sentence-transformers: `encode` of the same chunks, fp32, and nothing else",
        rows=[
            Row("whole way", "chunks/s", speed, max(other, default=None), more_is_better=True),
            Row("our encoder alone", "chunks/s", alone, max(other, default=None), True),
            Row(f"whole way, {many_files}", "chunks/s", _rate(many), None, True),
            Row(f"second run, {many_files}", "s", again["whole_s"]),
            *_memory(few_files, whole[0]),
            *_memory(many_files, many),
            *_memory(f"second run, {many_files}", again),
            *(confined.rows(few_files, many_files) if confined else []),
        ],
        bars=[
            Bar("ingest, share of the encoder's speed", speed / alone, _OF_ENCODER, at_least=True),
            *(_bar_against(speed / max(other)) if other else []),
            *(_bars_at_scale(again, many["all_mb"] / whole[0]["all_mb"]) if sizes == FULL else []),
        ],
        notes=[
            *notes,
            f"{whole[0]['chunks']:,} and {many['chunks']:,} chunks; the second run embedded "
            f"{again['embedded']}; peak memory is what is resident of all processes, pages of the "
            "index's files among it, from before the service opens until it has closed",
        ],
        failed=any(side["failed"] for side in (*whole, many, again)),
    )


@dataclass(frozen=True, slots=True)
class _Confined:
    """The container that few files need, and many files in one that is a fifth larger."""

    few_mb: int
    many_mb: int
    chunks_s: float
    """0 where the run did not come to its end."""

    def rows(self, few_files: str, many_files: str) -> list[Row]:
        """What to show."""
        return [
            Row(f"smallest container in steps of {_STEP_MB} MB, {few_files}", "MB", self.few_mb),
            Row(f"{many_files} in {self.many_mb} MB", "chunks/s", self.chunks_s, None, True),
        ]


def _confined(sizes: Sizes, few: dict[str, Any]) -> _Confined:
    """Raises Unavailable where no memory can be limited, BenchError where none is enough."""
    first = int(few["own_mb"]) // _STEP_MB * _STEP_MB
    for few_mb in range(first, 2 * first, _STEP_MB):
        if _within(few_mb, sizes.files) >= _AS_FAST * _rate(few):
            many_mb = int(few_mb * _MEMORY_GROWTH)
            return _Confined(few_mb, many_mb, _within(many_mb, sizes.many_files))
    raise BenchError(f"{sizes.files} files are not ingested in twice what a run holds")


def _within(megabytes: int, files: int) -> float:
    """Chunks a second in a container of a size; 0 where it is too small."""
    say(f"  {files} files in {megabytes} MB")
    try:
        with container(megabytes) as enter:
            side = _ingest(files, enter)
    except BenchError:
        return 0.0
    return 0.0 if side["failed"] else _rate(side)


def _ingest(
    files: int, enter: Callable[[], object] | None = None, texts: str = ""
) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        return measure("ingest_footnote", enter, folder=folder, files=files, texts=texts)


def _memory(what: str, side: dict[str, Any]) -> list[Row]:
    return [
        Row(f"peak memory, {what}", "MB", side["all_mb"]),
        Row("… of it not pages of files", "MB", side["own_mb"]),
    ]


def _bar_against(ratio: float) -> list[Bar]:
    return [Bar("ingest, times sentence-transformers", ratio, _TIMES_FASTER, at_least=True)]


def _bars_at_scale(again: dict[str, Any], growth: float) -> list[Bar]:
    return [
        Bar("ingest, second run over unchanged files, s", again["whole_s"], _AGAIN_S),
        Bar("ingest, texts embedded by it", again["embedded"], 0),
        Bar("ingest, memory for 20 times the files", growth, _MEMORY_GROWTH),
    ]


def _rate(side: dict[str, Any]) -> float:
    return float(side["chunks"] / side["seconds"])
