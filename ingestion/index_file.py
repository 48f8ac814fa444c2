"""A whole index in one portable file: gzip around JSON lines.

The first line says what the file is and what the index was made with; then comes each
document, followed by its chunks; the last line counts both and has the SHA-256 of all lines
before it. Numbers of vectors and terms are little-endian float32 and uint32 in base64. A file
that ends early, or in which anything was changed, is told from a whole one.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import os
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, Self

import numpy as np
from pydantic import TypeAdapter, ValidationError

from app.core.errors import ConfigError, InputError, PermanentError
from app.core.types import Chunk, Counts, Document, EncodedChunk, Scalar, SparseVector

_FORMAT = "footnote-index"
_VERSION = 1
_FAST = 1  # vectors hardly shrink, however long one tries
_LONGEST_LINE = 64_000_000  # bytes
_CHUNK, _FIELDS = TypeAdapter(Chunk), tuple(field.name for field in fields(Chunk))
_FLOAT, _INTEGER = np.dtype("<f4"), np.dtype("<u4")


class IndexWriter:
    """Writes an index file. Nothing is there under its name until it is finished.

    Raises InputError where the file cannot be written.
    """

    def __init__(self, file: Path, fingerprint: Mapping[str, Scalar]) -> None:
        self._file = file
        self._draft = file.with_name(f".{file.name}.{os.getpid()}.part")
        self._digest = hashlib.sha256()
        self._documents = self._chunks = 0
        try:
            self._raw = self._draft.open("wb")
        except OSError as error:
            raise InputError(
                f"{file} cannot be written ({error.strerror})", hint="choose another place"
            ) from error
        # Without name and time, so that the same index gives the same bytes.
        self._packed = gzip.GzipFile("", "wb", _FAST, self._raw, mtime=0)
        self._line({"format": _FORMAT, "version": _VERSION, "fingerprint": dict(fingerprint)})

    def add(self, document: Document, chunks: Sequence[EncodedChunk]) -> None:
        """Write a document."""
        self._line({"document": {**document.model_dump(mode="json"), **document.not_shown()}})
        for encoded in chunks:
            self._line({"chunk": _from_chunk(encoded)})
        self._documents += 1
        self._chunks += len(chunks)

    def finish(self) -> Counts:
        """Write the end, see that it is on disk, and give the file its name."""
        end = {"documents": self._documents, "chunks": self._chunks}
        self._line({"end": {**end, "sha256": self._digest.hexdigest()}})
        self._packed.close()
        self._raw.flush()
        os.fsync(self._raw.fileno())
        self._raw.close()
        self._draft.replace(self._file)
        return Counts(**end)

    def close(self) -> None:
        """Leave nothing of a file that was not finished."""
        if not self._raw.closed:
            self._packed.close()
            self._raw.close()
            self._draft.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _line(self, record: Mapping[str, Any]) -> None:
        line = json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
        self._digest.update(line)
        self._packed.write(line)


class IndexReader:
    """Reads an index file.

    Every method raises InputError when the file is missing or of another kind, ConfigError
    when a newer version wrote it, and PermanentError when it is damaged.
    """

    def __init__(self, file: Path) -> None:
        self._file = file

    def fingerprint(self) -> Mapping[str, Scalar]:
        """What the index was made with."""
        return self._header(next(self._records()))

    def check(self) -> Counts:
        """Read all of it, and count."""
        documents = chunks = 0
        for _, of_document in self.versions():
            documents += 1
            chunks += len(of_document)
        return Counts(documents, chunks)

    def versions(self) -> Iterator[tuple[Document, list[EncodedChunk]]]:
        """The documents with their chunks, in the order in which they were written.

        That the file is whole is known only once the last one was read.
        """
        records = self._records()
        dimensions = self._header(next(records)).get("dimensions")
        document: Document | None = None
        chunks: list[EncodedChunk] = []
        for record in records:
            try:
                if "chunk" in record and document:
                    chunks.append(_to_chunk(record["chunk"]))
                    continue
                following = Document(**record["document"])
            except (LookupError, TypeError, ValueError, ValidationError) as error:
                raise self._damaged() from error
            if document:
                yield self._whole(document, chunks, dimensions)
            document, chunks = following, []
        if document:
            yield self._whole(document, chunks, dimensions)

    def _whole(
        self, document: Document, chunks: list[EncodedChunk], dimensions: Scalar | None
    ) -> tuple[Document, list[EncodedChunk]]:
        place = 0
        for ordinal, encoded in enumerate(chunks):
            chunk, shape = encoded.chunk, encoded.dense.shape
            fits = (chunk.ordinal, chunk.start, chunk.end) == (
                ordinal,
                place,
                place + len(chunk.text),
            )
            if not fits or shape != (dimensions or shape[0],):
                raise self._damaged()
            place = chunk.end
        if not chunks or len(chunks) != document.chunks:
            raise self._damaged()
        return document, chunks

    def _header(self, record: Mapping[str, Any]) -> Mapping[str, Scalar]:
        if record.get("format") != _FORMAT or not isinstance(record.get("fingerprint"), dict):
            raise self._other()
        if record.get("version") != _VERSION:
            raise ConfigError(
                f"{self._file} was written by a newer version of Footnote", hint="upgrade Footnote"
            )
        return dict(record["fingerprint"])

    def _records(self) -> Iterator[Mapping[str, Any]]:
        """All lines but the last one, which is held against them."""
        digest = hashlib.sha256()
        documents = chunks = 0
        first = True
        try:
            with gzip.open(self._file) as lines:
                while line := lines.readline(_LONGEST_LINE):
                    record = json.loads(line)
                    if not isinstance(record, dict):
                        raise (self._other() if first else self._damaged())
                    if "end" in record:
                        end = {"documents": documents, "chunks": chunks}
                        if record["end"] != {**end, "sha256": digest.hexdigest()} or lines.read(1):
                            raise self._damaged()
                        return
                    digest.update(line)
                    documents += "document" in record
                    chunks += "chunk" in record
                    first = False
                    yield record
        except FileNotFoundError as error:
            raise InputError(f"there is no file {self._file}", hint="check the path") from error
        except gzip.BadGzipFile as error:
            raise (self._other() if first else self._damaged()) from error
        except (EOFError, zlib.error, TypeError, ValueError) as error:
            raise self._damaged() from error
        except OSError as error:
            raise InputError(f"{self._file} cannot be read ({error.strerror})") from error
        raise self._damaged()

    def _damaged(self) -> PermanentError:
        return PermanentError(
            f"{self._file} is damaged or not complete", hint="export the index again"
        )

    def _other(self) -> InputError:
        return InputError(
            f"{self._file} is not an exported index", hint="make one with `footnote index export`"
        )


def _from_chunk(encoded: EncodedChunk) -> dict[str, Any]:
    return {
        **{name: getattr(encoded.chunk, name) for name in _FIELDS},
        "dense": _pack(encoded.dense, _FLOAT),
        "terms": _pack(encoded.sparse.indices, _INTEGER),
        "weights": _pack(encoded.sparse.values, _FLOAT),
    }


def _to_chunk(record: Mapping[str, Any]) -> EncodedChunk:
    terms, weights = _unpack(record["terms"], _INTEGER), _unpack(record["weights"], _FLOAT)
    dense = _unpack(record["dense"], _FLOAT).astype(np.float32)
    if len(terms) != len(weights) or not (np.isfinite(dense).all() and np.isfinite(weights).all()):
        raise ValueError("numbers that cannot be")
    chunk = _CHUNK.validate_python({name: record[name] for name in _FIELDS})
    return EncodedChunk(chunk, dense, SparseVector.packed(terms, weights))


def _pack(numbers: Any, kind: np.dtype[Any]) -> str:
    return base64.b64encode(np.asarray(numbers, kind).tobytes()).decode()


def _unpack(packed: str, kind: np.dtype[Any]) -> Any:
    return np.frombuffer(base64.b64decode(packed, validate=True), kind)
