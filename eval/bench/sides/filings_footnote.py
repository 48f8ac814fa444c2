"""Where each stage of Footnote's retrieval has the filing and the page that answer."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from app.core.settings import load_settings
from app.core.types import Passage
from app.wiring import open_footnote
from eval.bench.sides.quality_footnote import stages
from eval.judged.index import SCOPE


def measure(*, folder: str) -> dict[str, Any]:
    """By stage, the place of the first passage of the right document and page, from 0, or None.

    Args:
        folder: With `questions.jsonl` and the PDFs, as FinanceBench (Islam et al., 2023) has them.
    """
    return asyncio.run(_measure(Path(folder)))


async def _measure(folder: Path) -> dict[str, Any]:
    with (folder / "questions.jsonl").open(encoding="utf-8") as lines:
        questions = [json.loads(line) for line in lines]
    places: dict[str, dict[str, list[int | None]]] = {}
    with tempfile.TemporaryDirectory() as data:
        async with open_footnote(load_settings(data_dir=Path(data))) as footnote:
            report = await footnote.ingest([folder / "pdfs"], tenant=SCOPE.tenant, tags={})
            for asked in questions:
                document, pages = asked["doc_name"], _pages(asked)

                def right(passage: Passage, document: str = document) -> bool:
                    return Path(passage.source).stem == document

                def on_page(passage: Passage, pages: set[int] = pages) -> bool:
                    return right(passage) and passage.page in pages

                async for stage in stages(footnote, asked["question"]):
                    found = places.setdefault(stage.name, {"document": [], "page": []})
                    found["document"].append(_place(stage.found, right))
                    found["page"].append(_place(stage.found, on_page))
    return {
        "files": report.added,
        "failed": len(report.failures),
        "chunks": report.chunks,
        "questions": len(questions),
        "stages": places,
    }


def _pages(asked: dict[str, Any]) -> set[int]:
    """The set counts pages from 0, Footnote from 1."""
    return {evidence["evidence_page_num"] + 1 for evidence in asked["evidence"]}


def _place(found: Sequence[Passage], wanted: Callable[[Passage], bool]) -> int | None:
    return next((place for place, passage in enumerate(found) if wanted(passage)), None)
