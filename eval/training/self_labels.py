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

from app.adapters.own_models import OwnReader
from app.adapters.reader import BundledReader
from app.core.text import Span
from app.core.types import Reading
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
    reader = BundledReader(own)
    try:
        return list(await asyncio.gather(*(_labelled(reader, pair) for pair in pairs)))
    finally:
        await reader.close()


async def _labelled(reader: BundledReader, pair: Pair) -> Pair:
    if pair.kind != "search":
        return pair
    head = f"{pair.shown.context}\n" if pair.shown.context else ""
    (reading,) = await reader.read(pair.question, [head + pair.shown.body])
    found = Span(reading.start - len(head), reading.end - len(head))
    return replace(pair, spans=(found,)) if _sure(reading, found, pair) else pair


def _sure(reading: Reading, found: Span, pair: Pair) -> bool:
    expected = any(span.start < found.end and span.end > found.start for span in pair.spans)
    return found.start >= 0 and reading.confidence >= (SURE_OF_KIND if expected else SURE)
