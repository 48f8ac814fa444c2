"""Models trained on one's own documents: kept only if better, and never half-made."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from app.adapters import bundled
from app.adapters.own_models import find_ranking, find_reader, keep_reader, remove_reader
from app.adapters.ranker import VOICES, WEIGHTS, CalibratedRanker
from app.adapters.reader import BundledReader
from app.core.errors import ConfigError, InputError
from app.core.settings import Settings, load_settings
from tests.support.paths import HANDBOOK, ROOT
from tests.support.tiny_models import tiny_cross_encoder


@pytest.fixture(scope="module")
def torch() -> None:
    pytest.importorskip("torch")
    pytest.importorskip("onnx")
    pytest.importorskip("transformers")


def _ingested(folder: Path, place: Path, **more: object) -> Settings:
    """As a user does it, by a command of its own."""
    subprocess.run(
        [sys.executable, "-m", "app.cli.main", "ingest", str(place)],
        env={**os.environ, "FOOTNOTE_DATA_DIR": str(folder), "PYTHONPATH": str(ROOT)},
        check=True,
        capture_output=True,
    )
    return load_settings(data_dir=folder, **more)


@pytest.mark.usefixtures("torch")
def test_the_weights_come_out_of_the_graph_as_they_went_in() -> None:
    from eval.training.export_reader import compare, quantized
    from eval.training.import_reader import read_graph
    from eval.training.reader_model import weights_of, with_weights

    file = bundled.weights(bundled.READER_FOLDER)
    again = quantized(weights_of(with_weights(read_graph(file))))

    apart = compare(file.read_bytes(), again)
    assert max(apart.values()) < 0.15, "log-odds; what int8 costs against fp32 is 0.06"


@pytest.mark.usefixtures("torch")
@pytest.mark.timeout(600)
async def test_adapting_keeps_what_is_better_or_tells_the_numbers(tmp_path: Path) -> None:
    from eval.training.adapt import adapt

    settings = _ingested(tmp_path, HANDBOOK)
    counted = await adapt(settings, tenant="default", minutes=0.05, dry_run=True)
    assert sum(counted.learned.values()) >= 100
    assert counted.verdict is None

    found = await adapt(settings, tenant="default", minutes=0.05)

    assert found.verdict is not None
    assert found.verdict.questions == found.held_out >= 100
    assert 0 < found.verdict.old <= 1
    assert found.kept == (find_reader(tmp_path) is not None)
    assert found.kept == found.verdict.better


@pytest.mark.usefixtures("torch")
async def test_too_little_text_is_said_before_anything_is_trained(tmp_path: Path) -> None:
    from eval.training.adapt import adapt

    settings = _ingested(tmp_path / "data", HANDBOOK / "remote-work.md")

    with pytest.raises(InputError, match="too little text"):
        await adapt(settings, tenant="default", minutes=1)
    with pytest.raises(InputError, match="no documents"):
        await adapt(settings, tenant="other", minutes=1)


@pytest.mark.usefixtures("torch")
@pytest.mark.timeout(600)
async def test_the_score_is_fitted_to_another_cross_encoder(tmp_path: Path) -> None:
    from eval.training.refit import fit

    model = str(tiny_cross_encoder(tmp_path / "tiny"))
    data = tmp_path / "data"
    settings = _ingested(data, HANDBOOK, reranking={"model": model})

    found = await fit(settings, tenant="default", most=100)

    before, after = found.weights["relevance"]
    assert found.reranker == model
    assert after < before, "a model of random weights tells nothing"
    assert found.kept == (find_ranking(data, model) is not None)
    assert find_ranking(data, "another") is None


async def test_what_a_pair_leaves_out_is_not_said_again_by_the_name_of_its_file(
    tmp_path: Path,
) -> None:
    from app.wiring import open_footnote
    from eval.training.own_texts import make_pairs, read_library, searched

    files = tmp_path / "files"
    files.mkdir()
    for file in HANDBOOK.iterdir():
        (files / f"nordwind-{file.name}").write_bytes(file.read_bytes())
    async with open_footnote(load_settings(data_dir=tmp_path / "data")) as footnote:
        await footnote.ingest([files], tenant="default", tags={})
        library = await read_library(footnote, "default")
        pairs = await make_pairs(library, most=200)
        found = await searched(library, pairs)

    assert any(passage.context.startswith("nordwind > ") for passage in library.texts.passages)
    assert any(not pair.shown.context for pair in pairs)
    for pair, one in zip(pairs, found, strict=True):
        for passage, answers in zip(one.passages, one.answers, strict=True):
            assert not answers or passage.context == pair.shown.context


def test_a_sign_flip_test_believes_no_chance() -> None:
    pytest.importorskip("torch")
    from eval.training.trial import compare

    rng = np.random.default_rng(1)
    old = rng.random(100)
    assert compare(old, old + 0.1).better
    assert not compare(old, old).better
    assert "too little" in compare(old, old + 0.003).against
    assert not compare(old, old + rng.normal(0, 0.1, 100) - 0.01).better


def _kept(folder: Path) -> None:
    data = bundled.weights(bundled.READER_FOLDER).read_bytes()
    keep_reader(folder, data, {"pairs": {}})


def test_an_adapted_reader_reads_under_a_name_of_its_own(tmp_path: Path) -> None:
    _kept(tmp_path)
    own = find_reader(tmp_path)
    assert own is not None

    ours, adapted = (
        CalibratedRanker.load(BundledReader()),
        CalibratedRanker.load(BundledReader(own)),
    )
    assert adapted.name != ours.name
    assert adapted.identity != ours.identity, "answers of another reader are not its own"

    assert remove_reader(tmp_path)
    assert find_reader(tmp_path) is None
    assert not remove_reader(tmp_path)
    assert not list((tmp_path / "models").iterdir())


@pytest.mark.parametrize("name", ["model.onnx", "record.json"])
def test_a_damaged_adapted_reader_is_told_with_the_way_back(tmp_path: Path, name: str) -> None:
    _kept(tmp_path)
    file = tmp_path / "models" / "reader" / name
    file.write_bytes(file.read_bytes()[:-40])

    with pytest.raises(ConfigError, match=r"damaged.*--undo"):
        find_reader(tmp_path)
    assert remove_reader(tmp_path)


def test_a_reader_adapted_from_another_version_is_not_used(tmp_path: Path) -> None:
    _kept(tmp_path)
    file = tmp_path / "models" / "reader" / "record.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"base": "0" * 64}))

    assert find_reader(tmp_path) is None


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", '{"reranker": "x"}', '{"reranker": "x", "passage": {}, "question": []}'],
)
def test_a_damaged_final_score_is_told(tmp_path: Path, content: str) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "ranking.json").write_text(content)

    with pytest.raises(ConfigError, match=r"damaged.*--undo"):
        find_ranking(tmp_path, "x")


@pytest.mark.parametrize("changed", ["passage", "question"])
def test_a_score_fitted_over_another_versions_voices_is_not_used(
    tmp_path: Path, changed: str
) -> None:
    (tmp_path / "models").mkdir()
    record = json.loads(WEIGHTS.read_text()) | {"reranker": "x"}
    record[changed] = {"features": list(VOICES[:-1])}  # of a question there was one model once
    (tmp_path / "models" / "ranking.json").write_text(json.dumps(record))

    assert find_ranking(tmp_path, "x") is None


async def test_a_fitted_score_is_used_for_its_reranker_alone(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    record = json.loads(WEIGHTS.read_text()) | {"reranker": bundled.READER_NAME}
    file = tmp_path / "models" / "ranking.json"
    file.write_text(json.dumps(record))

    assert find_ranking(tmp_path, bundled.READER_NAME) == file
    assert find_ranking(tmp_path, "another") is None
