"""What a tenant's index holds, by content and by place, while a run goes on.

Content is stored once, whatever the number of places where it was found; what is inside a file
is inside each of its copies. A place has one content: when it gets another, the document that
had it loses the place. A document without a place is to be deleted, unless its content turns up
elsewhere before that.

All of it is on disk, see `scratch`: memory does not grow with the number of files. A call takes
some 10 us.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import accumulate, repeat
from pathlib import PurePath
from typing import Any

from app.core.types import MEMBER, Document, parent_of
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
_SEALED = "SELECT number, document_id, seal FROM documents WHERE seal <> ''"
# Of a file that is nowhere any more, what was inside is nowhere either: it is to be read again.
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


def seal(source: str, members: Mapping[str, str]) -> str:
    """A digest of the files inside a file; empty where there are none.

    Args:
        source: Of the file.
        members: The sources of those inside, with the hash of each one's content.
    """
    inside = sorted((place.removeprefix(source), of) for place, of in members.items() if of)
    return sha256(json.dumps(inside).encode()).hexdigest() if inside else ""


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
                    document.seal,
                )
                for document in documents
            ),
        )

    def take_over(self) -> Iterator[tuple[str, str, set[Entry]]]:
        """Put the documents that were noted, in the order in which they were ingested.

        Yields each one's id, its signature, and the entries that lost a place to it: what a
        killed run left, documents that still name a place of a later one.
        """
        for document_id, content, sources, signature, sealed in self._tables.rows(_IN_ORDER):
            _, touched = self._put(document_id, content, json.loads(sources), sealed)
            yield document_id, signature, touched
        self._tables.do("DELETE FROM found")

    def check_members(self) -> None:
        """A file is to be read again where a killed run left other members than it has."""
        for number, document_id, sealed in self._tables.rows(_SEALED):
            places = self.sources_of(Entry(number, document_id))
            if any(seal(place, self._inside(place)) != sealed for place in places):
                self.hold(document_id)

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
        return {*self._inside(container)}

    def id_for(self, key: Key, sources: Sequence[str], new_id: Callable[[str], str]) -> str:
        """The id under which new content is to be stored.

        A file that was rewritten stays the document that it was, unless its old content is
        still to be found elsewhere.

        Args:
            key: The new content's.
            sources: Where it was found, the first of which gives its name to a new document.
            new_id: Makes an id out of a name.
        """
        owner = next(filter(None, map(self.owner, sources)), None)
        if owner and set(self.sources_of(owner)) <= set(sources):
            return owner.document_id
        names = accumulate(repeat(f"\n{key.content_hash}"), initial=sources[0])
        return next(free for free in map(new_id, names) if not self.knows(free))

    # Changes

    def put(
        self, document_id: str, key: Key, sources: Iterable[str], sealed: str = ""
    ) -> tuple[Entry, set[Entry]]:
        """Add a document, or its new version; other documents lose these places."""
        return self._put(document_id, str(key), sources, sealed)

    def _put(
        self, document_id: str, content: str, sources: Iterable[str], sealed: str
    ) -> tuple[Entry, set[Entry]]:
        if old := self._entry(_BY_ID, document_id):
            self.forget(old)
        self._tables.do("UPDATE documents SET content = NULL WHERE content = ?", content)
        entry = Entry(self._one(_ADD, document_id, content, sealed), document_id)
        touched: set[Entry] = set()
        for source in sources:
            touched |= self._place(source, entry)
        return entry, touched - {entry}

    def share(self, source: str, entry: Entry) -> set[Entry]:
        """Note that a document's content is at this place too, and what is inside that file."""
        left = self._drop_each(self.members(source)) if not self.owner(source) else set()
        return left | self._place(source, entry)

    def _place(self, source: str, entry: Entry) -> set[Entry]:
        touched = self.release(source) if self.owner(source) else set()
        self._tables.do(_PLACE, source, entry.number)
        for original in self._others(entry, source)[:1]:
            touched |= self._copy_members(original, source)
        container = parent_of(source)
        if container and (owner := self.owner(container)):
            for copy in self._others(owner, container):
                touched |= self._copy(source, container, copy)
        return touched | {entry}

    def outdate(self, source: str) -> set[Entry]:
        """A file that holds others has new content: what is inside may change from now on.

        Nothing counts on its old version any more, but for other places where that still is,
        nor on those of the files inside it that hold others.
        """
        touched: set[Entry] = set()
        for container in sorted({source} | self.members(source)):
            owner = self.owner(container)
            if not (owner and self._one(_SEAL, owner.number)):
                continue
            if self._others(owner, container):
                touched |= self._bequeath(container) | self._drop_each([container])
            else:
                self.hold(owner.document_id)
        return touched

    def make_room(self, sources: Iterable[str], members: Collection[str]) -> set[Entry]:
        """A file's new version comes, with these members: places inside it that are no more go."""
        inside = set().union(*map(self.members, sources))
        return self._drop_each(inside.difference(members))

    def release(self, source: str) -> set[Entry]:
        """Take a place away from its document, and with it the places inside that file."""
        return self._bequeath(source) | self._drop_each([source, *self.members(source)])

    def _bequeath(self, source: str) -> set[Entry]:
        copies = self._others(self._at(source), source) if self.members(source) else []
        return set().union(*(self._copy_members(source, copy) for copy in copies))

    def _copy_members(self, container: str, copy: str) -> set[Entry]:
        members = self.members(container)
        return set().union(*(self._copy(member, container, copy) for member in members))

    def _copy(self, member: str, container: str, copy: str) -> set[Entry]:
        """What is inside a file is inside its copy, unless that one is inside it."""
        place, entry = f"{copy}{member.removeprefix(container)}", self.owner(member)
        if not entry or copy.startswith(container + MEMBER) or self.owner(place) == entry:
            return set()
        return self.share(place, entry)

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
        for entry in touched:
            self._tables.do(_HOLD_LOST, entry.number)
        return touched

    # The tables

    def _inside(self, container: str) -> dict[str, str]:
        """The places inside a file, with the hashes of what is there."""
        first = container + MEMBER
        after = first[:-1] + chr(ord(first[-1]) + 1)
        found = self._tables.rows(_INSIDE, first, after)
        return {source: json.loads(content)[0] if content else "" for source, content in found}

    def _others(self, entry: Entry, source: str) -> list[str]:
        found = self._tables.rows(_OTHER_PLACES, entry.number, source)
        return [source for (source,) in found]

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
