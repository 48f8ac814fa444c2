"""Chunks as the service makes them, with title and headings in front."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle, islice
from pathlib import Path

import numpy as np

from app.adapters import bundled
from app.core.types import ParsedDocument
from eval.bench.material.handbook import DOCUMENTS
from ingestion.chunk import Chunker

LONG_TEXTS = Path(__file__).parents[4] / "shared" / "data" / "chunking_eval" / "corpora"
_SEED = 0


def source() -> str:
    """What the chunks are cut from."""
    return "five long texts of chunking_eval" if LONG_TEXTS.is_dir() else "the sample handbook"


def chunks(count: int) -> list[str]:
    """A random choice, the same each time; all different where there are enough."""
    folder = LONG_TEXTS if LONG_TEXTS.is_dir() else DOCUMENTS
    found = [text for file in sorted(folder.glob("*.md")) for text in _cut(file)]
    order = np.random.default_rng(_SEED).permutation(len(found))
    return list(islice(cycle(found[i] for i in order), count))


def _cut(file: Path) -> Iterator[str]:
    chunker = Chunker(
        bundled.tokenizer(), chunk_tokens=220, min_tokens=24, max_tokens=bundled.MAX_TOKENS
    )
    title = file.stem.replace("_", " ")
    document = ParsedDocument(file.name, title, file.read_text(encoding="utf-8"))
    return (chunker.embedding_text(document, chunk) for chunk in chunker.cut(document))
