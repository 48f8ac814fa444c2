"""What a passage is called: the name of its file, the document's title, its headings.

A question often names its document in some way: a customer, a year, a product. Where the title does
not say it, as on a form or on a page called "Get started", the file's own name may.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Protocol

SEPARATOR = " > "
_PART = re.compile(r"[^\W_]+")
_TELLING = re.compile(r"[^\W\d_]{3,}|[^\W\d_a-zA-Z]{2,}|(?:19|20)\d\d")
"""A word, which in some scripts has two letters, or a year."""
_NOTHING_SAID = frozenset(
    re.findall(
        r"\w+",
        """copy doc document download draft file final image img index main new page readme scan
        untitled version""",
    )
)
"""Words of a file's name that tell nothing of what is in it."""


class Named(Protocol):
    """A document, or a passage of it, with a title and the place where it was found."""

    @property
    def source(self) -> str:
        """Path, URL, or a member's `mail.eml!/plan.pdf`."""

    @property
    def title(self) -> str:
        """What the document calls itself."""


def breadcrumb(document: Named, heading: str = "") -> str:
    """File name, title and headings in one line, each word of the file's name only if it is new.

    Args:
        heading: The path of headings, which may begin with the title.
    """
    title = document.title
    if not heading or f"{heading}{SEPARATOR}".startswith(f"{title}{SEPARATOR}"):
        path = heading or title
    else:
        path = f"{title}{SEPARATOR}{heading}"
    said = {part.casefold() for part in _PART.findall(path)}
    stem = PurePosixPath(document.source).stem
    new = [part for part in _PART.findall(stem) if part.casefold() not in said]
    if any(_TELLING.fullmatch(part) and part.casefold() not in _NOTHING_SAID for part in new):
        return SEPARATOR.join(filter(None, (" ".join(new), path)))
    return path
