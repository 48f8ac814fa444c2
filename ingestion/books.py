"""The tables of a run: which documents a tenant's index holds, and where each is found.

All of it is on disk, see `scratch`: memory does not grow with the number of files. A call takes
some 10 us.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from app.core.types import MEMBER, Document
from ingestion.scratch import Scratch

_TABLES = """
    CREATE TABLE found (
        document_id TEXT PRIMARY KEY, ingested_at TEXT, content_hash TEXT, content TEXT,
        sources TEXT, signature TEXT, seal TEXT
    ) WITHOUT ROWID;
    CREATE TABLE documents (
        number INTEGER PRIMARY KEY AUTOINCREMENT, document_id TEXT UNIQUE, content TEXT UNIQUE,
        seal TEXT, held INTEGER DEFAULT FALSE
    );
    CREATE TABLE places (source TEXT PRIMARY KEY, number INTEGER, nth INTEGER) WITHOUT ROWID;
    CREATE INDEX places_of ON places (number, nth);
"""
# Of a document that is heard of twice, the version that was ingested last.
_NOTE = """
    INSERT INTO found VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET
        (ingested_at, content_hash, content, sources, signature, seal) =
        (excluded.ingested_at, excluded.content_hash, excluded.content, excluded.sources,
         excluded.signature, excluded.seal)
    WHERE (excluded.ingested_at, excluded.content_hash) > (ingested_at, content_hash)
"""
_IN_ORDER = """
    SELECT document_id, content, sources, signature, seal FROM found
    ORDER BY ingested_at, document_id
"""
_ADD = "INSERT INTO documents (document_id, content, seal) VALUES (?, ?, ?) RETURNING number"
_BY_ID = "SELECT number, document_id FROM documents WHERE document_id = ?"
_BY_CONTENT = "SELECT number, document_id FROM documents WHERE content = ? AND NOT held"
_BY_PLACE = "SELECT number, document_id FROM documents JOIN places USING (number) WHERE source = ?"
_PLACE = """
    INSERT INTO places
    SELECT ?1, ?2, ifnull(max(nth), 0) + 1 FROM places WHERE number = ?2
"""
_SEAL = "SELECT seal FROM documents WHERE number = ?"
_LET_GO = "UPDATE documents SET held = FALSE WHERE document_id = ? AND seal = ''"
_SEALED = "SELECT number, document_id, seal FROM documents WHERE seal <> ''"
_HOLD_LOST = """
    UPDATE documents SET held = TRUE WHERE number = ?1 AND seal <> ''
    AND NOT EXISTS (SELECT 1 FROM places WHERE number = ?1)
"""
_INSIDE = """
    SELECT source, content FROM places JOIN documents USING (number)
    WHERE source >= ? AND source < ?
"""
_OTHER_PLACES = "SELECT source FROM places WHERE number = ? AND source <> ? ORDER BY nth"


@dataclass(frozen=True, slots=True)
class Key:
    """What makes two files the same document: bytes, how they are read, and tags."""

    content_hash: str
    suffix: str
    tags: frozenset[tuple[str, str]]

    @classmethod
    def of(cls, source: str, content_hash: str, tags: Mapping[str, str]) -> Key:
        """The key of a file's content at a place."""
        return cls(content_hash, PurePath(source).suffix.lower(), frozenset(tags.items()))

    def __str__(self) -> str:
        return json.dumps([self.content_hash, self.suffix, sorted(self.tags)])


@dataclass(frozen=True, slots=True)
class Entry:
    """A version of a document in the books: the next one has another number."""

    number: int
    document_id: str


class Books:
    """Lookups, and the changes of single rows. To be closed, and used from one thread."""

    def __init__(self) -> None:
        self._tables = Scratch(_TABLES)

    def close(self) -> None:
        """Let go of the tables."""
        self._tables.close()

    def __len__(self) -> int:
        return int(self._one("SELECT count(*) FROM documents"))

    # Documents that were heard of

    def note(self, documents: Iterable[Document]) -> None:
        """Hear of documents that the register has, in any order; see `noted`."""
        self._tables.do_each(
            _NOTE,
            (
                (
                    document.document_id,
                    document.ingested_at,
                    document.content_hash,
                    str(Key.of(document.source, document.content_hash, document.tags)),
                    json.dumps(document.sources or [document.source]),
                    document.signature,
                    document.seal,
                )
                for document in documents
            ),
        )

    def noted(self) -> Iterator[tuple[str, str, str, str, str]]:
        """(id, content, sources as JSON, signature, seal) in the order of ingestion."""
        yield from self._tables.rows(_IN_ORDER)
        self._tables.do("DELETE FROM found")

    # Documents

    def add(self, document_id: str, content: str, sealed: str) -> Entry:
        """A new document, with no place yet. No other one counts as having its content."""
        self._tables.do("UPDATE documents SET content = NULL WHERE content = ?", content)
        return Entry(self._one(_ADD, document_id, content, sealed), document_id)

    def forget(self, entry: Entry) -> bool:
        """A document is no more; False where it is, in a version that came after this entry."""
        self._tables.do("DELETE FROM places WHERE number = ?", entry.number)
        gone = self._tables.do("DELETE FROM documents WHERE number = ?", entry.number)
        return gone.rowcount > 0

    def with_key(self, key: Key) -> Entry | None:
        """The document that has this content."""
        return self._entry(_BY_CONTENT, str(key))

    def with_id(self, document_id: str) -> Entry | None:
        """The document of this id."""
        return self._entry(_BY_ID, document_id)

    def hold(self, document_id: str) -> None:
        """A new version is on its way: nothing counts on the old content any more."""
        self._tables.do("UPDATE documents SET held = TRUE WHERE document_id = ?", document_id)

    def let_go(self, document_id: str) -> None:
        """The new version came to nothing: the old content is there to stay.

        But not that of a file that holds others: some of them may have changed already.
        """
        self._tables.do(_LET_GO, document_id)

    def hold_lost(self, entry: Entry) -> None:
        """Nothing counts on a file that is nowhere any more: what was inside is nowhere, either."""
        self._tables.do(_HOLD_LOST, entry.number)

    def sealed(self) -> Iterator[tuple[Entry, str]]:
        """The documents of files that hold others, with their seals."""
        for number, document_id, sealed in self._tables.rows(_SEALED):
            yield Entry(number, document_id), sealed

    def holds_files(self, entry: Entry) -> bool:
        """Whether a document is that of a file that holds others."""
        return bool(self._one(_SEAL, entry.number))

    def entries(self) -> Iterator[Entry]:
        """All documents."""
        for row in self._tables.rows("SELECT number, document_id FROM documents"):
            yield Entry(*row)

    # Places

    def add_place(self, source: str, entry: Entry) -> None:
        """A document is found there, where none was."""
        self._tables.do(_PLACE, source, entry.number)

    def remove_place(self, source: str) -> None:
        """No document is found there any more."""
        self._tables.do("DELETE FROM places WHERE source = ?", source)

    def owner(self, source: str) -> Entry | None:
        """The document that is found at this place."""
        return self._entry(_BY_PLACE, source)

    def sources(self) -> Iterator[str]:
        """All places."""
        for (source,) in self._tables.rows("SELECT source FROM places"):
            yield source

    def sources_of(self, entry: Entry) -> list[str]:
        """The places of a document, in the order in which they were found."""
        places = "SELECT source FROM places WHERE number = ? ORDER BY nth"
        return [source for (source,) in self._tables.rows(places, entry.number)]

    def is_placed(self, entry: Entry) -> bool:
        """Whether a document is found anywhere."""
        return self._one("SELECT 1 FROM places WHERE number = ?", entry.number) is not None

    def other_place(self, entry: Entry, source: str) -> str | None:
        """The first place of a document but for this one."""
        found: str | None = self._one(f"{_OTHER_PLACES} LIMIT 1", entry.number, source)
        return found

    def other_places(self, entry: Entry, source: str) -> list[str]:
        """The places of a document but for this one."""
        found = self._tables.rows(_OTHER_PLACES, entry.number, source)
        return [source for (source,) in found]

    def inside(self, container: str) -> dict[str, str]:
        """The places inside a file, with the hashes of what is there."""
        first = container + MEMBER
        after = first[:-1] + chr(ord(first[-1]) + 1)
        found = self._tables.rows(_INSIDE, first, after)
        return {source: json.loads(content)[0] if content else "" for source, content in found}

    def _entry(self, query: str, value: str) -> Entry | None:
        row = self._tables.row(query, value)
        return row and Entry(*row)

    def _one(self, query: str, *values: object) -> Any:
        row = self._tables.row(query, *values)
        return row and row[0]
