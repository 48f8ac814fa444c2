"""The bundled tokenizer, and a store with a chunker around it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from app.adapters import bundled
from ingestion.chunk import Chunker
from tests.unit.ingestion.bench import Bench, open_bench


@pytest.fixture(scope="session")
def tokenizer() -> Any:
    """The bundled model's own, without truncation, as the chunker gets it."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(bundled.FOLDER / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


@pytest.fixture(scope="session")
def chunker(tokenizer: Any) -> Chunker:
    """With the settings' defaults."""
    return Chunker(tokenizer, chunk_tokens=220, min_tokens=24, max_tokens=bundled.MAX_TOKENS)


@pytest.fixture
async def bench(tmp_path: Path, tokenizer: Any) -> AsyncIterator[Bench]:
    (tmp_path / "docs").mkdir()
    made_bench = await open_bench(tmp_path, tokenizer)
    yield made_bench
    await made_bench.store.close()
