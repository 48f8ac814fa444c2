"""Ingestion: files to searchable chunks, against nothing but encoding the same chunks."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from eval.bench.child import Unavailable, measure, say
from eval.bench.result import Bar, Outcome, Row
from eval.bench.sizes import FULL, Sizes

_TIMES_FASTER = 2.5
_OF_ENCODER = 0.9
_MEMORY_GROWTH = 1.2
_AGAIN_S = 10.0
_ROUNDS = 2  # of the three sides: the other one takes a minute and more


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
            whole.append(measure("ingest_footnote", files=sizes.files, texts=texts))
            encoder.append(_rate(measure("texts_footnote", texts=texts)))
            try:
                other.append(_rate(measure("texts_sentence_transformers", texts=texts)))
            except Unavailable as missing:
                notes = [f"nothing to compare with: {missing}"]
    many = measure("ingest_footnote", files=sizes.many_files)
    speed, alone = max(map(_rate, whole)), max(encoder)
    few_mb, many_mb = whole[0]["all_mb"], many["all_mb"]
    return Outcome(
        "ingest",
        ours="Footnote: files to searchable chunks in the embedded index",
        other="sentence-transformers: `encode` of the same chunks, fp32, and nothing else",
        rows=[
            Row("whole way", "chunks/s", speed, max(other, default=None), more_is_better=True),
            Row("our encoder alone", "chunks/s", alone, max(other, default=None), True),
            Row(f"whole way, {sizes.many_files:,} files", "chunks/s", _rate(many), None, True),
            Row(f"second run, {sizes.many_files:,} files", "s", many["again_s"]),
            Row(f"peak memory, {sizes.files:,} files", "MB", few_mb),
            Row("… of it not pages of files", "MB", whole[0]["own_mb"]),
            Row(f"peak memory, {sizes.many_files:,} files", "MB", many_mb),
            Row("… of it not pages of files", "MB", many["own_mb"]),
            Row(f"peak memory, second run, {sizes.many_files:,} files", "MB", many["again_mb"]),
            Row("… of it not pages of files", "MB", many["again_own_mb"]),
        ],
        bars=[
            Bar("ingest, share of the encoder's speed", speed / alone, _OF_ENCODER, at_least=True),
            *(_bar_against(speed / max(other)) if other else []),
            *(_bars_at_scale(many, many_mb / few_mb) if sizes == FULL else []),
        ],
        notes=[
            *notes,
            f"{whole[0]['chunks']:,} and {many['chunks']:,} chunks; the second run embedded "
            f"{many['again_embedded']}; memory is what is resident of all processes, pages of the "
            "index's files among it, from before the service opens until it has closed",
        ],
        failed=bool(many["failed"] or any(side["failed"] for side in whole)),
    )


def _bar_against(ratio: float) -> list[Bar]:
    return [Bar("ingest, times sentence-transformers", ratio, _TIMES_FASTER, at_least=True)]


def _bars_at_scale(many: dict[str, Any], growth: float) -> list[Bar]:
    return [
        Bar("ingest, second run over unchanged files, s", many["again_s"], _AGAIN_S),
        Bar("ingest, texts embedded by it", many["again_embedded"], 0),
        Bar("ingest, memory for 20 times the files", growth, _MEMORY_GROWTH),
    ]


def _rate(side: dict[str, Any]) -> float:
    return float(side["chunks"] / side["seconds"])
