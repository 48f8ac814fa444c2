"""One file to documents that only need their vectors: parsed, cut, with its members.

This is the part of the work that may crash, hang or eat memory, so it runs in a process of
its own (`ingestion/worker.py`) or in a task of a cluster; hence all of it is plain data.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from app.core.errors import FootnoteError, PermanentError
from app.core.exchange import Failure
from app.core.types import MEMBER, Chunk, ParsedDocument
from ingestion.chunk import Chunker
from ingestion.language import told_at_once
from ingestion.near import signature
from ingestion.parse import parse, read_file
from ingestion.safety import poison

_MOST_NESTED = 3  # an archive in an archive in a mail


@dataclass(frozen=True, slots=True)
class Source:
    """A file to be ingested.

    Args:
        name: What the document's `source` will say.
        path: Where the bytes are.
        title: Wins over the title that the file states.
        kind: Its MIME type; empty where the name tells it.
    """

    name: str
    path: Path
    title: str = ""
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Recipe:
    """All that determines what becomes of a file's bytes.

    Args:
        tokenizer: The encoder's `tokenizers.Tokenizer`, as JSON.
        chunk_tokens: See `Chunker`, as the next two.
        max_file_bytes: Larger files are refused.
    """

    tokenizer: str
    chunk_tokens: int
    min_tokens: int
    max_tokens: int
    max_file_bytes: int


@dataclass(frozen=True, slots=True)
class Prepared:
    """A document that only needs its vectors.

    `texts` are what the encoders read of `chunks`, in the same order; `members` are the
    sources of all files inside it, with the hash of each one's content, which is empty where
    one failed. `language` is None where only the classifier may tell, see `ingestion.describe`;
    `signature` is MinHash in base64.
    """

    source: str
    content_hash: str
    title: str
    pages: int
    language: str | None
    flags: Sequence[str]
    chunks: Sequence[Chunk]
    texts: Sequence[str]
    signature: str = ""
    members: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Unexpected(Failure):
    """A failure that nobody foresaw, with its traceback for the log."""

    trace: str


class Preparer:
    """Prepares files, one after another."""

    def __init__(self, recipe: Recipe) -> None:
        from tokenizers import Tokenizer

        self._recipe = recipe
        self._chunker = Chunker(
            Tokenizer.from_str(recipe.tokenizer),
            chunk_tokens=recipe.chunk_tokens,
            min_tokens=recipe.min_tokens,
            max_tokens=recipe.max_tokens,
        )

    def documents(self, source: Source) -> Iterator[Prepared | Failure]:
        """The documents of a file as they get ready: its members first, itself last."""
        try:
            data = read_file(source.path, self._recipe.max_file_bytes)
        except (FootnoteError, OSError) as error:
            yield explain(source.name, error)
            return
        yield from self._of(data, source.name, source.title, source.kind)

    def _of(
        self, data: bytes, name: str, title: str = "", kind: str = "", depth: int = 0
    ) -> Iterator[Prepared | Failure]:
        try:
            if depth > _MOST_NESTED:
                raise PermanentError("it is nested too deeply", hint="unpack the archive")
            parsed = parse(data, name, kind)
        except Exception as error:
            yield explain(name, error)
            return
        members: dict[str, str] = {}
        for member in parsed.members:
            inside = f"{name}{MEMBER}{member.name}"
            for outcome in self._of(member.data, inside, depth=depth + 1):
                yield outcome
                stored = outcome.content_hash if isinstance(outcome, Prepared) else ""
                members[outcome.source] = stored
        try:
            prepared = self._cut(parsed, hashlib.sha256(data).hexdigest(), title, members)
        except Exception as error:
            yield explain(name, error)
        else:
            yield prepared

    def _cut(
        self, parsed: ParsedDocument, content_hash: str, title: str, members: Mapping[str, str]
    ) -> Prepared:
        parsed = replace(parsed, title=title or parsed.title)
        chunks = self._chunker.cut(parsed)
        return Prepared(
            source=parsed.source,
            content_hash=content_hash,
            title=parsed.title,
            pages=len(parsed.pages),
            language=parsed.language or told_at_once(parsed.text),
            flags=[*parsed.flags, *poison.flags(parsed.text)],
            chunks=chunks,
            texts=self._chunker.embedding_texts(parsed, chunks),
            signature=b64encode(signature(parsed.text)).decode(),
            members=members,
        )


def explain(source: str, error: Exception) -> Failure:
    """What an exception says to the one whose file it was."""
    import traceback

    match error:
        case FootnoteError():
            return Failure(source, error.message, error.hint)
        case OSError():
            reason = error.strerror or type(error).__name__
            return Failure(source, f"it cannot be read: {reason}", "")
        case MemoryError():
            return Failure(source, OUT_OF_MEMORY, OUT_OF_MEMORY_HINT)
        case _:
            trace = "".join(traceback.format_exception(error))
            return Unexpected(source, f"unexpected {type(error).__name__}", "see the log", trace)


OUT_OF_MEMORY = "reading it takes too much memory"
OUT_OF_MEMORY_HINT = "raise ingestion.parse_memory_mb, or split it"
