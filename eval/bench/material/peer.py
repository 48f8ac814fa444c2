"""What every other library gets: the same passages, the same model, the same questions."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from app import parts
from app.core.ports import DenseEncoder
from app.core.settings import load_settings
from eval.bench.material.found import Figures
from eval.judged.index import judge, prepare, vector_cache
from eval.judged.measures import Place
from eval.judged.sets import read
from ingestion.encode import Encoder
from ingestion.prepare import Prepared

DEPTH, TOP = 50, 5

Search = Callable[[str], Sequence[int]]
"""A question to the numbers of passages, best first."""


class Passages:
    """Passages to be indexed, and the model behind any framework's interface for embeddings.

    Args:
        texts: With title and headings in front, as Footnote embeds and indexes them.
        vectors: Theirs.
    """

    def __init__(
        self, texts: Sequence[str], vectors: Sequence[list[float]], runner: asyncio.Runner,
        dense: DenseEncoder,
    ) -> None:  # fmt: skip
        self.texts = list(texts)
        self.vectors = list(vectors)
        self._known = dict(zip(texts, vectors, strict=True))
        self._runner = runner
        self._dense = dense

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Vectors of passages, computed beforehand: building is not what is compared."""
        return [self._known[text] for text in texts]

    def embed_question(self, text: str) -> list[float]:
        """The vector of a question, computed now."""
        found: list[float] = self._runner.run(self._dense.encode([text]))[0].tolist()
        return found


def compare(
    build: Callable[[Passages], Search], *, data: str, cache: str, name: str, asked: int
) -> dict[str, Any]:
    """Figures of a library on a judged set, see `Figures`, and seconds to build its index.

    Args:
        build: Indexes the passages with the library.
        data: Folder of the judged sets.
        cache: Folder of remembered vectors.
        name: Of the set.
        asked: At most so many of its questions; 0: all.
    """
    one = read(Path(data), name).sample(asked)
    settings = load_settings()
    dense = parts.encoder(settings)
    with asyncio.Runner() as runner:
        documents = runner.run(prepare(one, parts.chunker(settings, dense)))
        places = [Place(d.source, c.start, c.end) for d in documents for c in d.chunks]
        texts = [text for document in documents for text in document.texts]
        vectors = runner.run(_vectors(dense, Path(cache), documents))
        started = time.perf_counter()
        search = build(Passages(texts, vectors, runner, dense))
        build_s = time.perf_counter() - started
        search(one.questions[0].text)  # warm
        figures = Figures(judge(documents))
        for question in one.questions:
            started = time.perf_counter()
            numbers = search(question.text)
            ms = (time.perf_counter() - started) * 1e3
            found = [places[number] for number in numbers]
            figures.add(question, found, found[:TOP], ms)
        runner.run(dense.close())
    return {"build_s": build_s, **figures.record()}


async def _vectors(
    dense: DenseEncoder, cache: Path, documents: Sequence[Prepared]
) -> list[list[float]]:
    from app.adapters.bm25 import Bm25Encoder

    remembered = vector_cache(cache, dense)
    encoded, _ = await Encoder(dense, Bm25Encoder(), remembered).encode(documents)
    await remembered.close()
    return [chunk.dense.tolist() for chunks in encoded for chunk in chunks]
