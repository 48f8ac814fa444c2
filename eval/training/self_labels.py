"""Answers' places that the reader finds itself, where it is sure, to learn on from.

Nobody marked the answers of the search questions. A reader that has learned from the marked
ones reads them; the places that it is sure of are taken for right (self-training; Xie et al.,
2020, "Self-training with noisy student improves ImageNet classification").
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from app.adapters.onnx_dense import BundledEncoder
from app.adapters.own_models import OwnReader
from app.adapters.reader import BundledReader
from app.adapters.sentence_scorer import SentenceScorer
from app.core.text import Span
from eval.judged.places import best_place
from eval.training.export_reader import quantized
from eval.training.pairs import Pair
from eval.training.reader_model import ReaderModel, weights_of

SURE, SURE_OF_KIND = 0.5, 0.25
"""Of a place anywhere, and of one whose words are of the kind that is asked for."""


def labelled(model: ReaderModel, pairs: Sequence[Pair]) -> list[Pair]:
    """The pairs, search questions with the place that the model is sure of.

    Others keep the places that are of the right kind.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "reader.onnx")
        file.write_bytes(quantized(weights_of(model)))
        return asyncio.run(_read(OwnReader(file, "in training"), pairs))


async def _read(own: OwnReader, pairs: Sequence[Pair]) -> list[Pair]:
    encoder = BundledEncoder()
    reader, scorer = BundledReader(own), SentenceScorer.load(encoder)
    try:
        return [
            await _labelled(reader, scorer, pair) if pair.kind == "search" else pair
            for pair in pairs
        ]
    finally:
        await reader.close()
        await encoder.close()


async def _labelled(reader: BundledReader, scorer: SentenceScorer, pair: Pair) -> Pair:
    best = await best_place(pair.shown.body, pair.question, reader, scorer, pair.shown.context)
    if best is None:
        return pair
    found, sure = Span(best[0].start, best[0].end), best[1]
    expected = any(span.start < found.end and span.end > found.start for span in pair.spans)
    return replace(pair, spans=(found,)) if sure >= (SURE_OF_KIND if expected else SURE) else pair
