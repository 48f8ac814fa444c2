"""The developer's environment, kept away from the tests."""

from __future__ import annotations

import os
from collections.abc import Mapping

PREFIXES = ("FOOTNOTE_", "LANGFUSE_", "OPENAI_", "LANGSMITH_", "LANGCHAIN_", "QDRANT_")

REAL_QDRANT_URL = os.environ.get("FOOTNOTE_QDRANT__URL")
"""A Qdrant server to run the store's contract against, if the developer has one."""
REAL_QDRANT_KEY = os.environ.get("FOOTNOTE_QDRANT__API_KEY")


def foreign(environment: Mapping[str, str]) -> list[str]:
    """Variables that would change what a test sees."""
    return [name for name in environment if name.upper().startswith(PREFIXES)]
