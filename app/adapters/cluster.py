"""How near a passage lies to the best of the others: texts that are alike answer alike.

The cluster hypothesis (van Rijsbergen, 1979), used as by Diaz (2005, "Regularizing ad hoc
retrieval scores"): what resembles passages that score high gains by it, what stands alone loses.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_SHARPNESS = 2.0  # how fast passages count less as their scores fall behind the best one's
_WEIGHT = 2.0  # of closeness beside a fused score
Floats = NDArray[np.float64]


def promise(vectors: Sequence[bytes], fused: Floats) -> Floats:
    """How much candidates are worth a closer look, which not all of them can get.

    Args:
        vectors: See `closeness`.
        fused: Scores of the fusion, in standard deviations, shape (passages,).
    """
    close = closeness(vectors, fused)
    return fused if close is None else fused + _WEIGHT * close


def closeness(vectors: Sequence[bytes], scores: Floats) -> Floats | None:
    """The mean cosine of each passage to the others, the better ones counting more, in [-1, 1].

    None where there is nothing to compare: one passage, or one without a vector.

    Args:
        vectors: Embeddings of unit length, as float32.
        scores: Of what is known so far, such as log-odds, shape (passages,).
    """
    if len(vectors) < 2 or not all(vectors):
        return None
    rows = np.stack([np.frombuffer(vector, dtype=np.float32) for vector in vectors])
    others = 1.0 - np.eye(len(rows))
    weights = np.exp(_SHARPNESS * (scores - scores.max()))
    found: Floats = (rows @ rows.T * others) @ weights / (others @ weights)
    return found
