"""What resembles good passages gains, and nothing that numbers can be breaks it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.adapters.cluster import closeness, promise

_ABOUT_LEAVE, _ALSO, _APART = ([1.0, 0.0, 0.0], [0.8, 0.6, 0.0], [0.0, 0.0, 1.0])


def _bytes(rows: list[list[float]]) -> list[bytes]:
    return [np.array(row, dtype=np.float32).tobytes() for row in rows]


def test_what_resembles_the_best_passage_is_closer_than_what_stands_alone() -> None:
    close = closeness(_bytes([_ABOUT_LEAVE, _ALSO, _APART]), np.array([3.0, 0.0, 0.0]))

    assert close is not None
    assert close[1] == pytest.approx(0.8, abs=0.01)
    assert close[2] == pytest.approx(0.0, abs=0.01)


def test_a_candidate_like_the_best_is_read_before_one_that_fused_a_little_higher() -> None:
    scores = promise(_bytes([_ABOUT_LEAVE, _APART, _ALSO]), np.array([1.5, 0.1, 0.0]))

    assert np.argsort(-scores).tolist() == [0, 2, 1]


@pytest.mark.parametrize("vectors", [[], _bytes([_ALSO]), [*_bytes([_ALSO]), b""]])
def test_without_a_vector_to_compare_the_fusion_decides(vectors: list[bytes]) -> None:
    fused = np.arange(len(vectors), dtype=np.float64)

    assert closeness(vectors, fused) is None
    assert promise(vectors, fused).tolist() == fused.tolist()


@given(
    scores=st.lists(st.floats(-60, 60), min_size=2, max_size=12),
    seed=st.integers(0, 1000),
)
def test_closeness_is_a_mean_of_cosines_in_any_order_of_the_passages(
    scores: list[float], seed: int
) -> None:
    rng = np.random.default_rng(seed)
    rows = rng.standard_normal((len(scores), 5))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    vectors, said = _bytes(rows.tolist()), np.array(scores)
    order = rng.permutation(len(scores))

    found = closeness(vectors, said)
    turned = closeness([vectors[i] for i in order], said[order])

    assert found is not None
    assert turned is not None
    assert np.all(np.abs(found) <= 1 + 1e-6)
    assert turned == pytest.approx(found[order], abs=1e-6)
