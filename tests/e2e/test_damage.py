"""What is damaged or set wrongly is said in one line, and no secret is in it."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from pydantic import SecretStr

from app.core.errors import ConfigError, FootnoteError, PermanentError, TransientError
from app.core.settings import DatabaseSettings, EmbeddingSettings, load_settings
from app.wiring import open_footnote
from tests.support.tiny_models import tiny_fastembed_embedder


async def _open(data_dir: Path, **sections: object) -> None:
    async with open_footnote(load_settings(data_dir=data_dir, **sections)):
        pass


async def test_damaged_conversations_are_named_and_not_an_internal_error(tmp_path: Path) -> None:
    (tmp_path / "conversations.sqlite").write_bytes(b"this is no database" * 100)
    with pytest.raises(PermanentError, match="conversations"):
        await _open(tmp_path)


@pytest.mark.parametrize("damage", ["record", "shard"])
async def test_a_damaged_index_is_named_and_never_silently_empty(
    tmp_path: Path, damage: str
) -> None:
    await _open(tmp_path)
    index = tmp_path / "index"
    if damage == "record":
        (index / "fingerprint.json").write_text("{")
    else:
        (index / "shard").rename(tmp_path / "gone")
    with pytest.raises(PermanentError, match="index"):
        await _open(tmp_path)


async def test_vectors_of_another_length_are_refused_with_both_lengths_and_nothing_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await _open(tmp_path)
    monkeypatch.setenv("FASTEMBED_CACHE_PATH", str(tmp_path / "cache"))
    other = EmbeddingSettings(model=tiny_fastembed_embedder(tmp_path / "cache"))

    with pytest.raises(ConfigError, match="dimensions: 384 there, 16 here") as refused:
        await _open(tmp_path, embedding=other)

    assert "footnote index rebuild" in refused.value.hint
    await _open(tmp_path)


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("postgresql://me:hush@[", ConfigError),
        ("postgresql://me:hush@127.0.0.1:9/none", TransientError),
    ],
)
async def test_a_database_that_cannot_be_used_does_not_give_away_its_password(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, url: str, kind: type[FootnoteError]
) -> None:
    pytest.importorskip("psycopg")
    with caplog.at_level(logging.DEBUG), pytest.raises(kind) as raised:
        await _open(tmp_path, database=DatabaseSettings(url=SecretStr(url)))
    assert "hush" not in str(raised.value) + caplog.text
    assert raised.value.__cause__ is None
