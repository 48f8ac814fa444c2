"""Chunks are cut at the places where the encoder's tokenizer has its tokens, read word by word."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.tokens import Tokens

ODD = st.sampled_from(
    ["[SEP]", "[UNK]x", "Überstunden", "e\u0301a", "東京の天気", "휴가", "🏖️", "a\u200bb", "a\x0cb",
     "€5", "\x1c", "\x85", "\xa0", "\u2028", "\ufffd", "x" * 120, "don't", "naïve—café", "ﷺ",
     "\x00", "𝕬𝖟", "\r\n", "_a_", "3.5%", "C++", "·", "\u3000", "İ"]
)  # fmt: skip
TEXTS = st.lists(ODD | st.text(max_size=8) | st.from_regex(r"[ -~\n\t]{0,20}", fullmatch=True))


@pytest.fixture(scope="module")
def tokens(tokenizer: Any) -> Tokens:
    return Tokens(tokenizer)


@given(texts=TEXTS, between=st.sampled_from(["", " ", "\n"]))
def test_word_by_word_the_tokens_are_those_of_the_whole(
    tokens: Tokens, tokenizer: Any, texts: list[str], between: str
) -> None:
    text = between.join(texts)
    encoding = tokenizer.encode(text, add_special_tokens=False)
    assert [*tokens.places(text)] == [first for first, _ in encoding.offsets]
    assert tokens.counts([text]) == [len(encoding.ids)]


def test_a_tokenizer_that_looks_beyond_words_is_asked_for_the_whole(tokenizer: Any) -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers

    other = Tokenizer(models.BPE({"▁": 0, "a": 1, "▁a": 2}, [("▁", "a")]))
    other.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first")
    found = other.encode("a a\na", add_special_tokens=False)
    assert [*Tokens(other).places("a a\na")] == [first for first, _ in found.offsets]
