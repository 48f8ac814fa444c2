"""Every reranker passes the contract; a model that is none is refused by name."""

from __future__ import annotations

import importlib.util
import math
from pathlib import Path

import pytest

from app.adapters.fastembed_rerank import FastembedReranker
from app.adapters.st_rerank import CrossEncoderReranker
from app.core.errors import ConfigError
from app.core.ports import Reranker
from tests.contract.reranker import QUESTION, TEXTS, RerankerContract
from tests.support.tiny_models import tiny_cross_encoder, tiny_fastembed_reranker

NEEDS_TORCH = pytest.mark.skipif(not importlib.util.find_spec("torch"), reason="the extra `torch`")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> CrossEncoderReranker:
    return CrossEncoderReranker(str(tiny_cross_encoder(tmp_path_factory.mktemp("model"))))


@NEEDS_TORCH
class TestCrossEncoder(RerankerContract):
    @pytest.fixture
    def reranker(self, tiny: CrossEncoderReranker) -> Reranker:
        return tiny

    async def test_logits_become_probabilities_whatever_activation_the_model_names(
        self, reranker: CrossEncoderReranker
    ) -> None:
        from torch.nn import Identity

        reranker._model.activation_fn = Identity()  # as the ms-marco models' files say
        logits = reranker._model.predict(
            [(QUESTION, text) for text in TEXTS], show_progress_bar=False
        )

        scores = await reranker.score(QUESTION, TEXTS)

        assert scores == pytest.approx([1 / (1 + math.exp(-x)) for x in logits], abs=1e-4)

    def test_a_classifier_is_not_taken_for_a_reranker(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match="classifier of 3 labels"):
            CrossEncoderReranker(str(tiny_cross_encoder(tmp_path, labels=3)))


class TestFastembed(RerankerContract):
    @pytest.fixture
    def reranker(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Reranker:
        # A model in fastembed's cache is not downloaded.
        monkeypatch.setenv("FASTEMBED_CACHE_PATH", str(tmp_path))
        return FastembedReranker(tiny_fastembed_reranker(tmp_path))

    async def test_logits_of_any_size_become_probabilities(
        self, reranker: FastembedReranker
    ) -> None:
        logits = [logit for t in TEXTS for logit in reranker._model.rerank(QUESTION, [t])]

        scores = await reranker.score(QUESTION, TEXTS)

        assert max(logits) > 100
        assert scores == pytest.approx([1 / (1 + math.exp(-x)) for x in logits], abs=1e-5)


# Our own sentence scorer, which is the bundled reranker, passes the same contract: add
#     class TestBundled(RerankerContract): ...
# here, with the fixture `reranker`.


@pytest.mark.parametrize("model", ["nobody/no-such-model", "./no/such/folder"])
def test_a_model_that_cannot_be_loaded_is_named_with_a_way_out(model: str) -> None:
    for reranker in (FastembedReranker, CrossEncoderReranker):
        with pytest.raises(ConfigError, match=model) as error:
            reranker(model)

        assert error.value.hint
        assert "huggingface.co" not in str(error.value)


def test_fastembed_is_asked_by_name() -> None:
    assert FastembedReranker.knows("Xenova/ms-marco-MiniLM-L-6-v2")
    assert not FastembedReranker.knows("nobody/no-such-model")


def test_a_known_model_that_cannot_be_fetched_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FASTEMBED_CACHE_PATH", str(tmp_path))
    with pytest.raises(ConfigError, match="cannot be loaded"):
        FastembedReranker("Xenova/ms-marco-MiniLM-L-6-v2")
