"""Encoding many texts without keeping a question waiting."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from app.adapters.worker import Worker
from app.core.types import Vectors


async def in_batches(
    worker: Worker,
    encode: Callable[[list[str]], Vectors],
    texts: Sequence[str],
    *,
    size: int,
    dimensions: int,
) -> Vectors:
    """Vectors of shape (len(texts), dimensions), in order, encoded `size` texts at a time.

    Other calls of the worker have their turn between two batches. A batch is padded to its
    longest text: like lengths together waste the least.
    """
    order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
    found = np.empty((len(texts), dimensions), dtype=np.float32)
    for first in range(0, len(order), size):
        batch = order[first : first + size]
        some = [texts[i] for i in batch]
        found[batch] = await worker.run(lambda some=some: encode(some))  # type: ignore[misc]
    return found
