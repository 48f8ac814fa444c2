"""An exported index comes back as it was, and a file that is not whole is never taken for one."""

from __future__ import annotations

import gzip
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.errors import ConfigError, FootnoteError, InputError, PermanentError
from app.core.types import Chunk, Counts, Document, EncodedChunk, Scalar, SparseVector
from ingestion.index_file import IndexReader, IndexWriter
from tests.support.documents import made

MADE: dict[str, Scalar] = {"embedding": "tests", "dimensions": 3}
Version = tuple[Document, list[EncodedChunk]]

words = st.text(max_size=12)
numbers = st.floats(width=32, allow_nan=False, allow_infinity=False)


@st.composite
def versions(draw: st.DrawFn) -> list[Version]:
    """Some documents with their chunks."""
    found: list[Version] = []
    for number in range(draw(st.integers(0, 4))):
        texts = draw(st.lists(words, min_size=1, max_size=4))
        chunks, place = [], 0
        for ordinal, text in enumerate(texts):
            terms = draw(st.dictionaries(st.integers(0, 2**32 - 1), numbers, max_size=4))
            chunk = Chunk(
                ordinal,
                text,
                place,
                place + len(text),
                page=draw(st.none() | st.integers(1, 9)),
                heading=draw(words),
            )
            dense = np.array([draw(numbers) for _ in range(3)], np.float32)
            chunks.append(EncodedChunk(chunk, dense, SparseVector.packed(terms, terms.values())))
            place += len(text)
        tags = draw(st.dictionaries(words, words, max_size=2))
        document = made("a.md", texts, tags=tags, tenant=draw(words)).document
        flags = draw(st.lists(words, max_size=2))
        changes = {
            "document_id": str(number),
            "title": draw(words),
            "flags": flags,
            "signature": draw(words),
            "seal": draw(words),
            "ingested_at": "2026-01-01T00:00:00+00:00",  # not now: the same file every time
        }
        found.append((document.model_copy(update=changes), chunks))
    return found


def written(file: Path, documents: list[Version]) -> bytes:
    with IndexWriter(file, MADE) as writer:
        for version in documents:
            writer.add(*version)
        writer.finish()
    return file.read_bytes()


def plain(documents: list[Version]) -> list[Any]:
    """What can be compared: arrays as lists."""
    return [(d, [(e.chunk, e.dense.tolist(), e.sparse) for e in c]) for d, c in documents]


@pytest.fixture(scope="module")
def folder() -> Path:
    return Path(tempfile.mkdtemp())


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "index.footnote"


SOME: list[Version] = [
    (v.document, v.chunks) for v in (made("a.md", ["One. ", "Two. "]), made("b.md", ["Drei. "]))
]
OF_SOME: dict[str, Scalar] = {"embedding": "tests", "dimensions": 32}


@given(versions())
@settings(max_examples=60)
def test_what_is_written_comes_back_to_the_last_bit(folder: Path, documents: list[Version]) -> None:
    file = folder / "index"

    written(file, documents)

    reader = IndexReader(file)
    assert reader.fingerprint() == MADE
    assert plain([*reader.versions()]) == plain(documents)
    assert reader.check() == Counts(len(documents), sum(len(c) for _, c in documents))


@given(versions(), st.randoms(use_true_random=False))
@settings(max_examples=15)
def test_a_file_that_ends_early_is_refused_wherever_it_ends(
    folder: Path, documents: list[Version], dice: Any
) -> None:
    file = folder / "index"
    whole = written(file, documents)
    ends = {0, 1, len(whole) - 1, len(whole) - 8, *dice.sample(range(len(whole)), 25)}

    for end in ends:
        file.write_bytes(whole[:end])
        with pytest.raises((PermanentError, InputError)):
            IndexReader(file).check()


@given(versions(), st.randoms(use_true_random=False))
@settings(max_examples=15)
def test_a_changed_byte_is_noticed(folder: Path, documents: list[Version], dice: Any) -> None:
    file = folder / "index"
    whole = written(file, documents)
    for place in dice.sample(range(10, len(whole)), 20):  # before it: gzip's header of 10 bytes
        file.write_bytes(whole[:place] + bytes([whole[place] ^ 0x41]) + whole[place + 1 :])
        with pytest.raises(FootnoteError):
            IndexReader(file).check()


def test_the_same_index_gives_the_same_file(file: Path) -> None:
    assert written(file, SOME) == written(file.with_name("other"), SOME)


def test_an_export_that_is_stopped_leaves_the_former_file(file: Path) -> None:
    before = written(file, SOME)

    with pytest.raises(KeyboardInterrupt), IndexWriter(file, MADE) as writer:
        writer.add(*SOME[0])
        raise KeyboardInterrupt

    assert file.read_bytes() == before
    assert [*file.parent.iterdir()] == [file]


def rewritten(file: Path, change: Callable[[list[Any]], None]) -> None:
    """Change lines, and make the end fit again, as someone would who forges a file."""
    import hashlib

    lines = [json.loads(line) for line in gzip.decompress(file.read_bytes()).splitlines()]
    change(lines)
    packed = [json.dumps(line, ensure_ascii=False, separators=(",", ":")) for line in lines[:-1]]
    body = "".join(f"{line}\n" for line in packed).encode()
    end = {
        "documents": sum("document" in line for line in lines),
        "chunks": sum("chunk" in line for line in lines),
        "sha256": hashlib.sha256(body).hexdigest(),
    }
    file.write_bytes(gzip.compress(body + json.dumps({"end": end}).encode() + b"\n"))


@pytest.mark.parametrize(
    "change",
    [
        lambda lines: lines.pop(2),
        lambda lines: lines.insert(2, lines.pop(3)),
        lambda lines: lines[2]["chunk"].update(start=1),
        lambda lines: lines[2]["chunk"].update(dense=""),
        lambda lines: lines[2]["chunk"].update(dense="AAA"),
        lambda lines: lines[2]["chunk"].update(terms=""),
        lambda lines: lines[2]["chunk"].update(text=None),
        lambda lines: lines[2]["chunk"].pop("text"),
        lambda lines: lines[1]["document"].update(surprise=1),
        lambda lines: lines[1]["document"].update(chunks=7),
        lambda lines: lines.insert(1, {"other": 1}),
        lambda lines: lines.insert(1, lines.pop(2)),
    ],
)
def test_a_file_that_does_not_make_sense_is_refused(
    file: Path, change: Callable[[list[Any]], None]
) -> None:
    with IndexWriter(file, OF_SOME) as writer:
        for version in SOME:
            writer.add(*version)
        writer.finish()
    rewritten(file, lambda lines: None)
    assert IndexReader(file).check() == Counts(2, 3)

    rewritten(file, change)

    with pytest.raises(PermanentError, match="damaged"):
        IndexReader(file).check()


@pytest.mark.parametrize(
    ("content", "kind", "said"),
    [
        (b"", PermanentError, "damaged"),
        (b"PK\x03\x04 a zip file", InputError, "not an exported index"),
        (gzip.compress(b'{"rows": []}\n'), InputError, "not an exported index"),
        (gzip.compress(b"[1]\n"), InputError, "not an exported index"),
        (gzip.compress(b"hello\n"), PermanentError, "damaged"),
        (
            gzip.compress(b'{"format": "footnote-index", "version": 9, "fingerprint": {}}\n'),
            ConfigError,
            "newer version",
        ),
    ],
    ids=["empty", "zip", "object", "list", "text", "newer"],
)
def test_another_file_is_told_apart(
    file: Path, content: bytes, kind: type[FootnoteError], said: str
) -> None:
    file.write_bytes(content)

    with pytest.raises(kind, match=said):
        IndexReader(file).fingerprint()


def test_a_file_that_is_not_there_or_cannot_be_written_is_said_plainly(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no file"):
        IndexReader(tmp_path / "none").fingerprint()
    with pytest.raises(InputError, match="cannot be written"):
        IndexWriter(tmp_path / "none" / "file", MADE)
    with pytest.raises(InputError, match="cannot be read"):
        IndexReader(tmp_path).fingerprint()
