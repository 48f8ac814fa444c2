"""What a tenant's index holds, by content and by place, while a run goes on.

Content is stored once, whatever the number of places where it was found. A place has one
content: when it gets another, the document that had it loses the place. A document without
a place is to be deleted, unless its content turns up elsewhere before that.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import PurePath

from app.core.types import MEMBER, Document


@dataclass(frozen=True, slots=True)
class Key:
    """What makes two files the same document: bytes, how they are read, and tags."""

    content_hash: str
    suffix: str
    tags: frozenset[tuple[str, str]]

    @classmethod
    def of(cls, source: str, content_hash: str, tags: Mapping[str, str]) -> Key:
        """The key of a file's content at a place."""
        suffix = sys.intern(PurePath(source).suffix.lower())
        return cls(content_hash, suffix, _shared(frozenset(tags.items())))


@dataclass(slots=True, eq=False)
class Entry:
    """A document and the places where its content was found."""

    document_id: str
    key: Key
    sources: list[str] = field(default_factory=list)


class Catalogue:
    """All documents of a tenant. Every change returns the entries that it touched.

    Args:
        documents: As the register has them.
    """

    def __init__(self, documents: Iterable[Document]) -> None:
        self._by_id: dict[str, Entry] = {}
        self._by_key: dict[Key, Entry] = {}
        self._by_source: dict[str, Entry] = {}
        self._members: defaultdict[str, set[str]] = defaultdict(set)
        self.stale: set[Entry] = set()
        """What a killed run left: documents that still name a place of a later one."""
        for document in sorted(documents, key=lambda d: (d.ingested_at, d.document_id)):
            key = Key.of(document.source, document.content_hash, document.tags)
            entry = Entry(document.document_id, key)
            self.stale |= self.put(entry, document.sources or [document.source])

    def __len__(self) -> int:
        return len(self._by_id)

    def with_key(self, key: Key) -> Entry | None:
        """The document that has this content."""
        return self._by_key.get(key)

    def knows(self, document_id: str) -> bool:
        """Whether there is a document of this id."""
        return document_id in self._by_id

    @contextmanager
    def replacing(self, document_id: str) -> Iterator[None]:
        """While a document's new version is written, nothing counts on its old content."""
        old = self._by_id.get(document_id)
        if old:
            self._by_key.pop(old.key, None)
        try:
            yield
        except BaseException:
            if old:
                self._by_key.setdefault(old.key, old)
            raise

    def owns(self, source: str) -> bool:
        """Whether some document is found at this place."""
        return source in self._by_source

    def entries(self) -> list[Entry]:
        """All documents."""
        return list(self._by_id.values())

    def sources(self) -> list[str]:
        """All places."""
        return list(self._by_source)

    def members(self, container: str) -> set[str]:
        """The places inside a file."""
        inside = self._members.get(_root(container), ())
        return {member for member in inside if member.startswith(container + MEMBER)}

    def id_for(self, key: Key, sources: Iterable[str], new_id: Callable[[str], str]) -> str:
        """The id under which new content is to be stored.

        A file that was rewritten stays the document that it was, unless its old content is
        still to be found elsewhere.

        Args:
            key: The new content's.
            sources: Where it was found, the first of which gives its name to a new document.
            new_id: Makes an id out of a name.
        """
        wanted = list(sources)
        owner = self._by_source.get(wanted[0])
        if owner and set(owner.sources) <= set(wanted):
            return owner.document_id
        free = new_id(wanted[0])
        return new_id(f"{wanted[0]}\n{key.content_hash}") if free in self._by_id else free

    def put(self, entry: Entry, sources: Iterable[str]) -> set[Entry]:
        """Add a document, or its new version; other documents lose these places."""
        old = self._by_id.get(entry.document_id)
        if old:
            self.forget(old)
        self._by_id[entry.document_id] = entry
        self._by_key[entry.key] = entry
        touched: set[Entry] = set()
        for source in sources:
            touched |= self.share(source, entry)
        return touched - {entry}

    def share(self, source: str, entry: Entry) -> set[Entry]:
        """Note that a document's content is at this place too."""
        touched = self.release(source) if source in self._by_source else set()
        entry.sources.append(source)
        self._by_source[source] = entry
        if MEMBER in source:
            self._members[_root(source)].add(source)
        return touched | {entry}

    def release(self, source: str) -> set[Entry]:
        """Take a place away from its document, and with it the places inside that file.

        Where the same file is at another place, its members are found there from now on.
        """
        entry = self._by_source[source]
        touched = {entry}
        heir = next((other for other in entry.sources if other != source), None)
        for member in self.members(source):
            inside = self._by_source[member]
            moved = f"{heir}{member.removeprefix(source)}"
            if heir and moved not in self._by_source:
                self.share(moved, inside)
            self._drop(member)
            touched.add(inside)
        self._drop(source)
        return touched

    def _drop(self, source: str) -> None:
        entry = self._by_source[source]
        entry.sources.remove(source)
        self._clear(source)

    def forget(self, entry: Entry) -> bool:
        """A document is no more; False where it is, in a version that came after this entry."""
        if self._by_key.get(entry.key) is entry:
            del self._by_key[entry.key]
        for source in entry.sources:
            self._clear(source)
        entry.sources.clear()
        if self._by_id.get(entry.document_id) is not entry:
            return False
        del self._by_id[entry.document_id]
        return True

    def _clear(self, source: str) -> None:
        del self._by_source[source]
        if MEMBER in source:
            self._members[_root(source)].discard(source)


@lru_cache
def _shared(tags: frozenset[tuple[str, str]]) -> frozenset[tuple[str, str]]:
    """One for all documents that have these tags: a set of its own is a third of an entry."""
    return tags


def _root(source: str) -> str:
    """The file on disk that a place is in."""
    return source.partition(MEMBER)[0]
