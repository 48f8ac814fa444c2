"""What a question says of the documents it means: their dates, file types and tags."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Annotated

from cachetools import LRUCache
from pydantic import BaseModel, Field

from app.core.dates import moment
from app.core.errors import FootnoteError
from app.core.file_types import FileType
from app.core.ports import ChunkStore, Gateway
from app.core.run import Run
from app.core.types import Narrowing, Scope
from graphs.context import Context
from graphs.skills.periods import END, period

Tags = Mapping[str, frozenset[str]]
"""The values of each tag."""

_CALLERS = 1000  # whose tags are remembered
_MOST_TAGS = 60  # that a model is told

_NAMES: Mapping[FileType, str] = {
    "pdf": r"pdfs?",
    "slides": r"slides|slide decks?|presentations?|power ?points?|pptx",
    "spreadsheet": r"spread ?sheets?|excel(?: sheets?| tables?)?|workbooks?|xlsx",
    "mail": r"e-?mails?|mails?",
    "word": r"word (?:documents?|files?)|docx",
    "web page": r"web ?pages?|html (?:pages?|files?)",
}
_WHERE = r"(?:in|from|inside|according to|per) (?:(?:the|our|my|all|any|an?|that|these|those) )?"
_TYPES = {
    kind: re.compile(rf"\b{_WHERE}(?:{names})(?: (?:documents?|files?|attachments?))?{END}")
    for kind, names in _NAMES.items()
}
_NAMED = re.compile(r"(?<![\w:/-])([\w-]+) ?[:=] ?(?:\"([^\"]+)\"|([\w-]+(?:\.[\w-]+)*))(?!\w*://)")
_TAGGED = re.compile(r"\b(?:tagged|labell?ed)(?: (?:as|with))? (?:\"([^\"]+)\"|([\w-]+))")


async def narrowed(question: str, context: Context) -> Narrowing:
    """What a question says of the documents it means, where that is to be read."""
    reader = context.skills.filters
    if reader is None:
        return Narrowing()
    return await reader.read(question, context.store, context.scope, context.run)


class RuleFilters:
    """Reads dates, file types and tags by rule, in English; tags only as they are known."""

    def __init__(self) -> None:
        self._tags: LRUCache[str, tuple[str, Tags]] = LRUCache(_CALLERS)

    async def read(self, question: str, store: ChunkStore, scope: Scope, run: Run) -> Narrowing:
        """What the question says of its documents; nothing for most questions."""
        tags: tuple[tuple[str, str], ...] = ()
        if _NAMED.search(question) or _TAGGED.search(question):
            tags = tuple(_wished_tags(question, await self.known(store, scope)))
        since, until = period(question, datetime.now(UTC))
        return Narrowing(since, until, file_types(question), tags)

    async def known(self, store: ChunkStore, scope: Scope) -> Tags:
        """The tags of the documents that the caller may see, read anew after every change."""
        mine = Scope(scope.tenant, scope.filters)
        key = repr((mine.tenant, sorted(mine.filters.items())))
        revision = await store.revision(mine)
        kept = self._tags.get(key)
        if kept is None or kept[0] != revision:
            found: dict[str, set[str]] = {}
            for document in await store.documents(mine):
                for name, value in document.tags.items():
                    found.setdefault(name, set()).add(value)
            tags = {name: frozenset(values) for name, values in found.items()}
            kept = self._tags[key] = revision, tags
        return kept[1]


class _Tag(BaseModel):
    name: str
    value: str


class _Wish(BaseModel):
    since: str = ""
    until: str = ""
    file_types: Annotated[list[FileType], Field(max_length=6)] = []
    tags: Annotated[list[_Tag], Field(max_length=6)] = []


class ModelFilters:
    """Asks the chat model; what it makes up is left out."""

    def __init__(self, gateway: Gateway, rule: RuleFilters) -> None:
        self._gateway = gateway
        self._rule = rule

    async def read(self, question: str, store: ChunkStore, scope: Scope, run: Run) -> Narrowing:
        """What the model reads; by rule where it cannot be asked."""
        known = await self._rule.known(store, scope)
        told = [f"{name}={value}" for name, values in known.items() for value in sorted(values)]
        try:
            wish = await self._gateway.structured(
                "filters",
                _Wish,
                run,
                question=question,
                today=f"{datetime.now(UTC):%A, %Y-%m-%d}",
                tags=told[:_MOST_TAGS],
            )
        except FootnoteError as error:
            run.skip("filters", f"{error.message}; done by rule")
            return await self._rule.read(question, store, scope, run)
        since, until = moment(wish.since), moment(wish.until)
        if since and until and since >= until:
            since = until = None
        return Narrowing(
            since,
            until,
            file_types=tuple(dict.fromkeys(wish.file_types)),
            tags=tuple((t.name, t.value) for t in wish.tags if t.value in known.get(t.name, ())),
        )


def file_types(question: str) -> tuple[FileType, ...]:
    """The kinds of files in which a question wants something looked up."""
    text = " ".join(question.lower().split())
    return tuple(kind for kind, pattern in _TYPES.items() if pattern.search(text))


def apart(narrowed: Narrowing) -> Iterator[Narrowing]:
    """Each of the conditions alone."""
    if narrowed.since or narrowed.until:
        yield Narrowing(narrowed.since, narrowed.until)
    if narrowed.file_types:
        yield Narrowing(file_types=narrowed.file_types)
    for tag in narrowed.tags:
        yield Narrowing(tags=(tag,))


def _wished_tags(question: str, known: Tags) -> Iterator[tuple[str, str]]:
    """Tags that are named with their values, whatever the case, and that there are."""
    names = {name.lower(): name for name in known}
    for found in _NAMED.finditer(question):
        name = names.get(found[1].lower(), "")
        if value := _same(found[2] or found[3], known.get(name, ())):
            yield name, value
    for found in _TAGGED.finditer(question):
        wanted = found[1] or found[2]
        tags = [(name, value) for name in known if (value := _same(wanted, known[name]))]
        if len(tags) == 1:  # of several, nobody could tell which is meant
            yield tags[0]


def _same(wanted: str, values: Iterable[str]) -> str:
    return next((value for value in values if value.lower() == wanted.lower()), "")
