"""The bundled tokenizer, and a store with a chunker around it."""

from __future__ import annotations

from typing import Any

import pytest

from app.adapters import bundled
from ingestion.chunk import Chunker


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
