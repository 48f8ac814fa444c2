"""What a tenant's index holds, by content and by place, while a run goes on.

Content is stored once, whatever the number of places where it was found. A place has one
content: when it gets another, the document that had it loses the place. A document without
a place is to be deleted, unless its content turns up elsewhere before that.

All of it is on disk, see `scratch`: memory does not grow with the number of files. A call takes
some 10 us.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, repeat
from pathlib import PurePath
from typing import Any

from app.core.types import MEMBER, Document
from ingestion.scratch import Scratch

_TABLES = """
    CREATE TABLE found (
        document_id TEXT PRIMARY KEY, ingested_at TEXT, content_hash TEXT, content TEXT,
        sources TEXT, signature TEXT
    ) WITHOUT ROWID;
    CREATE TABLE documents (
        number INTEGER PRIMARY KEY AUTOINCREMENT, document_id TEXT UNIQUE, content TEXT UNIQUE,
        held INTEGER DEFAULT FALSE
    );
    CREATE TABLE places (source TEXT PRIMARY KEY, number INTEGER, nth INTEGER) WITHOUT ROWID;
    CREATE INDEX places_of ON places (number, nth);
"""
# Of a document that is heard of twice, the version that was ingested last.
_NOTE = """
    INSERT INTO found VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET
        (ingested_at, content_hash, content, sources, signature) =
        (excluded.ingested_at, excluded.content_hash, excluded.content, excluded.sources,
         excluded.signature)
    WHERE (excluded.ingested_at, excluded.content_hash) > (ingested_at, content_hash)
"""
_IN_ORDER = """
    SELECT document_id, content, sources, signature FROM found ORDER BY ingested_at, document_id
"""
_BY_ID = "SELECT number, document_id FROM documents WHERE document_id = ?"
_BY_CONTENT = "SELECT number, document_id FROM documents WHERE content = ? AND NOT held"
_BY_PLACE = "SELECT number, document_id FROM documents JOIN places USING (number) WHERE source = ?"
_PLACE = """
    INSERT INTO places
    SELECT ?1, ?2, ifnull(max(nth), 0) + 1 FROM places WHERE number = ?2
"""
_OTHER_PLACE = "SELECT source FROM places WHERE number = ? AND source <> ? ORDER BY nth"


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


class Catalogue:
    """All documents of a tenant. Every change returns the entries that it touched.

    To be closed, and used from one thread.
    """

    def __init__(self) -> None:
        self._tables = Scratch(_TABLES)

    def close(self) -> None:
        """Let go of the tables."""
        self._tables.close()

    # What the index holds

    def note(self, documents: Iterable[Document]) -> None:
        """Hear of documents that the register has, in any order; see `take_over`."""
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
                )
                for document in documents
            ),
        )

    def take_over(self) -> Iterator[tuple[str, str, set[Entry]]]:
        """Put the documents that were noted, in the order in which they were ingested.

        Yields each one's id, its signature, and the entries that lost a place to it: what a
        killed run left, documents that still name a place of a later one.
        """
        for document_id, content, sources, signature in self._tables.rows(_IN_ORDER):
            _, touched = self._put(document_id, content, json.loads(sources))
            yield document_id, signature, touched
        self._tables.do("DELETE FROM found")

    def __len__(self) -> int:
        return int(self._one("SELECT count(*) FROM documents"))

    def with_key(self, key: Key) -> Entry | None:
        """The document that has this content."""
        return self._entry(_BY_CONTENT, str(key))

    def knows(self, document_id: str) -> bool:
        """Whether there is a document of this id."""
        return self._entry(_BY_ID, document_id) is not None

    def hold(self, document_id: str) -> None:
        """A new version is on its way: nothing counts on the old content any more."""
        self._tables.do("UPDATE documents SET held = TRUE WHERE document_id = ?", document_id)

    def let_go(self, document_id: str) -> None:
        """The new version came to nothing: the old content is there to stay."""
        self._tables.do("UPDATE documents SET held = FALSE WHERE document_id = ?", document_id)

    def owner(self, source: str) -> Entry | None:
        """The document that is found at this place."""
        return self._entry(_BY_PLACE, source)

    def entries(self) -> Iterator[Entry]:
        """All documents."""
        for row in self._tables.rows("SELECT number, document_id FROM documents"):
            yield Entry(*row)

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

    def members(self, container: str) -> set[str]:
        """The places inside a file."""
        first = container + MEMBER
        inside = "SELECT source FROM places WHERE source >= ? AND source < ?"
        after = first[:-1] + chr(ord(first[-1]) + 1)
        return {source for (source,) in self._tables.rows(inside, first, after)}

    def id_for(self, key: Key, sources: Sequence[str], new_id: Callable[[str], str]) -> str:
        """The id under which new content is to be stored.

        A file that was rewritten stays the document that it was, unless its old content is
        still to be found elsewhere.

        Args:
            key: The new content's.
            sources: Where it was found, the first of which gives its name to a new document.
            new_id: Makes an id out of a name.
        """
        owner = self.owner(sources[0])
        if owner and set(self.sources_of(owner)) <= set(sources):
            return owner.document_id
        names = accumulate(repeat(f"\n{key.content_hash}"), initial=sources[0])
        return next(free for free in map(new_id, names) if not self.knows(free))

    # Changes

    def put(self, document_id: str, key: Key, sources: Iterable[str]) -> tuple[Entry, set[Entry]]:
        """Add a document, or its new version; other documents lose these places."""
        return self._put(document_id, str(key), sources)

    def _put(
        self, document_id: str, content: str, sources: Iterable[str]
    ) -> tuple[Entry, set[Entry]]:
        if old := self._entry(_BY_ID, document_id):
            self.forget(old)
        self._tables.do("UPDATE documents SET content = NULL WHERE content = ?", content)
        added = "INSERT INTO documents (document_id, content) VALUES (?, ?) RETURNING number"
        entry = Entry(self._one(added, document_id, content), document_id)
        touched: set[Entry] = set()
        for source in sources:
            touched |= self.share(source, entry)
        return entry, touched - {entry}

    def share(self, source: str, entry: Entry) -> set[Entry]:
        """Note that a document's content is at this place too."""
        touched = self.release(source) if self.owner(source) else set()
        self._tables.do(_PLACE, source, entry.number)
        return touched | {entry}

    def bequeath(self, source: str) -> set[Entry]:
        """What is inside a file is found inside another one with the same content, too."""
        owner = self.owner(source)
        heir = owner and self._one(_OTHER_PLACE, owner.number, source)
        touched: set[Entry] = set()
        for member in self.members(source) if heir else ():
            moved = f"{heir}{member.removeprefix(source)}"
            if not self.owner(moved):
                touched |= self.share(moved, self._at(member))
        return touched

    def make_room(self, sources: Collection[str], members: Collection[str]) -> set[Entry]:
        """A file's new version comes, with these members: places inside it that are no more go.

        So do its own where the old version stays, as it is at another place too.
        """
        touched: set[Entry] = set()
        for source in sources:
            touched |= self._drop_each(self.members(source).difference(members))
            owner = self.owner(source)
            if owner and not set(self.sources_of(owner)).issubset(sources):
                touched |= self._drop_each([source])
        return touched

    def release(self, source: str) -> set[Entry]:
        """Take a place away from its document, and with it the places inside that file.

        Where the same file is at another place, its members are found there from now on.
        """
        touched = self.bequeath(source)
        return touched | self._drop_each([source, *self.members(source)])

    def forget(self, entry: Entry) -> bool:
        """A document is no more; False where it is, in a version that came after this entry."""
        self._tables.do("DELETE FROM places WHERE number = ?", entry.number)
        gone = self._tables.do("DELETE FROM documents WHERE number = ?", entry.number)
        return gone.rowcount > 0

    def _drop_each(self, sources: Iterable[str]) -> set[Entry]:
        touched: set[Entry] = set()
        for source in sources:
            touched.add(self._at(source))
            self._tables.do("DELETE FROM places WHERE source = ?", source)
        return touched

    # The tables

    def _at(self, source: str) -> Entry:
        owner = self.owner(source)
        if owner is None:
            raise KeyError(source)
        return owner

    def _entry(self, query: str, value: str) -> Entry | None:
        row = self._tables.row(query, value)
        return row and Entry(*row)

    def _one(self, query: str, *values: object) -> Any:
        row = self._tables.row(query, *values)
        return row and row[0]
