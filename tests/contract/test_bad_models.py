"""Models that are damaged, of another kind or no models at all: refused by name, at the start."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path

import pytest

from app.adapters.fastembed_dense import FastembedEncoder
from app.adapters.fastembed_rerank import FastembedReranker
from app.adapters.st_dense import SentenceTransformerEncoder
from app.adapters.st_rerank import CrossEncoderReranker
from app.core.errors import ConfigError
from tests.support.tiny_models import (
    tiny_cross_encoder,
    tiny_fastembed_embedder,
    tiny_fastembed_reranker,
    tiny_sentence_transformer,
)

NEEDS_TORCH = pytest.mark.skipif(not importlib.util.find_spec("torch"), reason="the extra `torch`")
Load = Callable[[str], object]


def truncate(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def refusal(load: Load, model: str) -> str:
    """What the user reads."""
    with pytest.raises(ConfigError) as error:
        load(model)
    assert model in error.value.message
    assert error.value.hint
    return str(error.value)


@pytest.mark.parametrize(
    ("make", "load"),
    [
        (tiny_fastembed_embedder, FastembedEncoder),
        (tiny_fastembed_reranker, FastembedReranker),
    ],
)
def test_a_truncated_onnx_file_is_called_damaged_and_not_blamed_on_the_network(
    make: Callable[[Path], str], load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FASTEMBED_CACHE_PATH", str(tmp_path))
    model = make(tmp_path)
    (file,) = tmp_path.rglob("*.onnx")
    truncate(file)

    said = refusal(load, model)

    assert "a file of it is damaged or missing; delete its files and fetch them again" in said
    assert "network" not in said


@NEEDS_TORCH
@pytest.mark.parametrize("file", ["model.safetensors", "config.json", "tokenizer.json"])
@pytest.mark.parametrize(
    ("make", "load"),
    [
        (tiny_sentence_transformer, SentenceTransformerEncoder),
        (tiny_cross_encoder, CrossEncoderReranker),
    ],
)
def test_a_truncated_file_of_a_folder_is_called_damaged_and_not_blamed_on_the_network(
    make: Callable[[Path], Path], load: Load, file: str, tmp_path: Path
) -> None:
    model = make(tmp_path)
    truncate(model / file)

    assert "a file of it is damaged or missing; delete its files and" in refusal(load, str(model))


@NEEDS_TORCH
def test_passages_are_not_ranked_at_random_by_an_embedding_model(tmp_path: Path) -> None:
    model = str(tiny_sentence_transformer(tmp_path))

    assert "is a BertModel, not a cross-encoder" in refusal(CrossEncoderReranker, model)


@NEEDS_TORCH
def test_passages_are_not_ranked_by_a_class_of_several(tmp_path: Path) -> None:
    model = str(tiny_cross_encoder(tmp_path, labels=3))

    assert "a classifier of 3 labels, not a reranker" in refusal(CrossEncoderReranker, model)


@NEEDS_TORCH
@pytest.mark.parametrize(
    ("make", "load"),
    [
        (tiny_sentence_transformer, SentenceTransformerEncoder),
        (tiny_cross_encoder, CrossEncoderReranker),
    ],
)
def test_texts_are_not_all_alike_to_a_model_that_has_lost_its_words(
    make: Callable[[Path], Path], load: Load, tmp_path: Path
) -> None:
    model = make(tmp_path)
    (model / "tokenizer.json").unlink()

    assert "its tokenizer is missing" in refusal(load, str(model))


@pytest.mark.parametrize("load", [SentenceTransformerEncoder, CrossEncoderReranker])
def test_a_folder_that_is_no_model_is_told_from_one_that_is_not_there(
    load: Load, tmp_path: Path
) -> None:
    (tmp_path / "notes.txt").write_text("no model")

    assert "a folder without a config.json" in refusal(load, str(tmp_path))
    assert "name its folder" in refusal(load, str(tmp_path / "notes.txt"))
    assert "check its name or folder" in refusal(load, str(tmp_path / "nothing"))
