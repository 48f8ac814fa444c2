"""What is said of a prepared document's language where its own process could not tell.

The classifier takes 90 MB: one process holds it, not each of those that read files.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace

from ingestion.language import detect
from ingestion.prepare import Prepared


async def described(prepared: Prepared) -> Prepared:
    """The document with its language, empty where nothing tells."""
    if prepared.language is not None:
        return prepared
    text = "".join(chunk.text for chunk in prepared.chunks)
    return replace(prepared, language=await asyncio.to_thread(detect, text))
