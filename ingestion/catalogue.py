"""What a tenant's index holds, by content and by place, while a run goes on.

Content is stored once, whatever the number of places where it was found; what is inside a file
is inside each of its copies. A place has one content: when it gets another, the document that
had it loses the place. A document without a place is to be deleted, unless its content turns up
elsewhere before that.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from itertools import accumulate, repeat

from app.core.types import MEMBER, parent_of
from ingestion.books import Books, Entry, Key


def seal(source: str, members: Mapping[str, str]) -> str:
    """A digest of the files inside a file; empty where there are none.

    Args:
        source: Of the file.
        members: The sources of those inside, with the hash of each one's content.
    """
    inside = sorted((place.removeprefix(source), of) for place, of in members.items() if of)
    return sha256(json.dumps(inside).encode()).hexdigest() if inside else ""


class Catalogue(Books):
    """All documents of a tenant. Every change returns the entries that it touched."""

    def take_over(self) -> Iterator[tuple[str, str, set[Entry]]]:
        """Put the documents that were noted, in the order in which they were ingested.

        Yields each one's id, its signature, and the entries that are found elsewhere than the
        register says: what a killed run left, documents that still name a place of a later one,
        or not yet one in a copy of the file that holds them.
        """
        for document_id, content, said, signature, sealed in self.noted():
            sources = json.loads(said)
            entry, touched = self._put(document_id, content, sources, sealed)
            moved = self.sources_of(entry) != sources
            yield document_id, signature, touched | {entry} if moved else touched

    def check_members(self) -> Iterator[None]:
        """A file is to be read again where a killed run left other members than it has.

        Takes a step for each file that holds others.
        """
        for entry, sealed in self.sealed():
            if any(seal(place, self.inside(place)) != sealed for place in self.sources_of(entry)):
                self.hold(entry.document_id)
            yield

    def members(self, container: str) -> set[str]:
        """The places inside a file."""
        return {*self.inside(container)}

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
        return next(free for free in map(new_id, names) if not self.with_id(free))

    def put(
        self, document_id: str, key: Key, sources: Iterable[str], sealed: str = ""
    ) -> tuple[Entry, set[Entry]]:
        """Add a document, or its new version; other documents lose these places."""
        return self._put(document_id, str(key), sources, sealed)

    def _put(
        self, document_id: str, content: str, sources: Iterable[str], sealed: str
    ) -> tuple[Entry, set[Entry]]:
        if old := self.with_id(document_id):
            self.forget(old)
        entry = self.add(document_id, content, sealed)
        touched: set[Entry] = set()
        for source in sources:
            touched |= self._place(source, entry)
        return entry, touched - {entry}

    def share(self, source: str, entry: Entry) -> set[Entry]:
        """Note that a document's content is at this place too, and what is inside that file."""
        return self._clear(source) | self._place(source, entry)

    def _clear(self, source: str) -> set[Entry]:
        return set() if self.owner(source) else self._drop_each(self.members(source))

    def _place(self, source: str, entry: Entry) -> set[Entry]:
        """... and what comes into a file is inside its copies, too."""
        touched = self._place_here(source, entry)
        container = parent_of(source)
        if container and (owner := self.owner(container)):
            for copy in self.other_places(owner, container):
                touched |= self._copy(source, container, copy)
        return touched

    def _place_here(self, source: str, entry: Entry) -> set[Entry]:
        touched = self.release(source) if self.owner(source) else set()
        self.add_place(source, entry)
        if self.holds_files(entry) and (original := self.other_place(entry, source)):
            touched |= self._copy_members(original, source)
        return touched | {entry}

    def outdate(self, source: str) -> set[Entry]:
        """A file that holds others has new content: what is inside may change from now on.

        Nothing counts on its old version any more, but for other places where that still is,
        nor on those of the files inside it that hold others.
        """
        touched: set[Entry] = set()
        for container in sorted({source} | self.members(source)):
            owner = self.owner(container)
            if not (owner and self.holds_files(owner)):
                continue
            if self.other_place(owner, container):
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
        """What is inside a file stays inside one of its copies at least."""
        copy = self.other_place(self._at(source), source) if self.members(source) else None
        return self._copy_members(source, copy) if copy else set()

    def _copy_members(self, container: str, copy: str) -> set[Entry]:
        members = self.members(container)
        return set().union(*(self._copy(member, container, copy) for member in members))

    def _copy(self, member: str, container: str, copy: str) -> set[Entry]:
        """What is inside a file is inside its copy, unless that one is inside it."""
        place, entry = f"{copy}{member.removeprefix(container)}", self.owner(member)
        if not entry or copy.startswith(container + MEMBER) or self.owner(place) == entry:
            return set()
        return self._clear(place) | self._place_here(place, entry)

    def _drop_each(self, sources: Iterable[str]) -> set[Entry]:
        touched: set[Entry] = set()
        for source in sources:
            touched.add(self._at(source))
            self.remove_place(source)
        for entry in touched:
            self.hold_lost(entry)
        return touched

    def _at(self, source: str) -> Entry:
        owner = self.owner(source)
        if owner is None:
            raise KeyError(source)
        return owner
