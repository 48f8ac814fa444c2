"""What every DenseEncoder must do. A subclass gives the fixture `encoder`."""

from __future__ import annotations

import asyncio
from typing import Any, Protocol

import numpy as np
import pytest

from app.core.ports import DenseEncoder

TEXTS = [
    "Full-time employees get 25 days of paid annual leave.",
    "Leave.",
    "Flights are booked through the travel desk, hotels by the traveller; " * 4,
    "",
    "Un café à 3 € – 東京の天気は?",
]


class SizingEncoder(DenseEncoder, Protocol):
    """A DenseEncoder that also lends its tokenizer to the chunker."""

    @property
    def tokenizer(self) -> Any: ...


class DenseEncoderContract:
    """Vectors of unit length, in order, and an honest count of tokens."""

    near = 0.999
    """Cosine of a text encoded alone and in a batch: int8 models round by the batch."""

    @pytest.fixture
    def encoder(self) -> SizingEncoder:
        raise NotImplementedError

    async def test_vectors_have_unit_length_and_the_promised_shape(
        self, encoder: SizingEncoder
    ) -> None:
        vectors = await encoder.encode(TEXTS)

        assert vectors.shape == (len(TEXTS), encoder.dimensions)
        assert vectors.dtype == np.float32
        assert np.linalg.norm(vectors, axis=1) == pytest.approx(1.0, abs=1e-3)

    async def test_each_text_gets_its_own_vector_whatever_else_is_in_the_batch(
        self, encoder: SizingEncoder
    ) -> None:
        together = await encoder.encode(TEXTS)
        alone = np.vstack([await encoder.encode([text]) for text in TEXTS])

        cosines = together @ alone.T
        assert np.all(np.diag(cosines) >= self.near)
        assert np.argmax(cosines, axis=1).tolist() == list(range(len(TEXTS)))

    async def test_no_texts_make_no_vectors(self, encoder: SizingEncoder) -> None:
        assert (await encoder.encode([])).shape == (0, encoder.dimensions)

    async def test_requests_at_the_same_time_do_not_mix(self, encoder: SizingEncoder) -> None:
        alone = [await encoder.encode([text]) for text in TEXTS]

        together = await asyncio.gather(*(encoder.encode([text]) for text in TEXTS * 3))

        for n, vectors in enumerate(together):
            assert vectors @ alone[n % len(TEXTS)].T == pytest.approx(1.0, abs=1e-3)

    async def test_tokens_beyond_what_the_model_reads_are_counted_but_not_read(
        self, encoder: SizingEncoder
    ) -> None:
        room = encoder.max_tokens - 2  # the model's own marks at both ends
        full = " ".join(["leave"] * room)
        over = full + " laptop travel expenses" * 20
        short = full.removesuffix(" leave") + " laptop"

        assert encoder.count_tokens([full, over, ""]) == [room + 2, room + 2 + 60, 2]
        vectors = await encoder.encode([full, over, short])

        assert vectors[0] @ vectors[1] >= self.near, "max_tokens is more than is read"
        assert not np.allclose(vectors[0], vectors[2], atol=1e-5), "max_tokens is less"

    async def test_the_tokenizer_for_the_chunker_cuts_nothing(self, encoder: SizingEncoder) -> None:
        text = "leave " * (encoder.max_tokens * 2)

        assert encoder.tokenizer.truncation is None
        assert encoder.tokenizer.padding is None
        assert len(encoder.tokenizer.encode(text).ids) == encoder.count_tokens([text])[0]

    async def test_it_has_a_name_for_the_index_to_remember(self, encoder: SizingEncoder) -> None:
        assert encoder.name
