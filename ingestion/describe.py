"""What can be said of a prepared document as a whole: its language, and what it is like.

Told in the parent, not by the worker processes: each would hold classifier and SciPy, 150 MB.
"""

from __future__ import annotations

from base64 import b64encode
from dataclasses import replace

from ingestion.language import detect
from ingestion.near import signature
from ingestion.prepare import Prepared


def described(prepared: Prepared) -> Prepared:
    """The document with its language, where that can be told, and its MinHash signature."""
    text = "".join(chunk.text for chunk in prepared.chunks)
    return replace(
        prepared,
        language=prepared.language or detect(text),
        signature=b64encode(signature(text)).decode(),
    )
