"""What kind of file a name promises; where it promises nothing, what the bytes say."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from app.core.errors import PermanentError
from ingestion.formats.encoding import decode

PDF = "application/pdf"
CSV = "text/csv"
TSV = "text/tab-separated-values"
WORD_97 = "application/msword"
MAIL = "message/rfc822"
OUTLOOK = "application/vnd.ms-outlook"
SOURCE_CODE = "text/x-source-code"
OFFICE = "application/vnd.openxmlformats"
WORD = (f"{OFFICE}-officedocument.wordprocessingml.", "application/vnd.ms-word.")
SLIDES = (
    f"{OFFICE}-officedocument.presentationml.",
    "application/vnd.ms-powerpoint",
    "application/vnd.oasis.opendocument.presentation",
)
SHEETS = (
    f"{OFFICE}-officedocument.spreadsheetml.",
    "application/vnd.ms-excel",
    "application/vnd.oasis.opendocument.spreadsheet",
)
ZIP = "application/zip"
TAR = "application/x-tar"
GZIP = "application/gzip"
BZIP2 = "application/x-bzip2"
XZ = "application/x-xz"
ARCHIVES = frozenset(
    {ZIP, TAR, GZIP, BZIP2, XZ, "application/x-7z-compressed", "application/x-rar-compressed"}
)

_SUFFIX = re.compile(r"\.[a-z0-9_-]{1,16}$")
_OTHERS = {
    ".adoc": "text/plain",  # prose, which kreuzberg takes for source code
    ".asciidoc": "text/plain",
    ".tbz": BZIP2,
    ".tbz2": BZIP2,
    ".txz": XZ,
    ".docm": "application/vnd.ms-word.document.macroEnabled.12",
}


def last_name(source: str) -> str:
    """The file's own name in a source: `/x/mail.eml!/plan.pdf` → `plan.pdf`."""
    return PurePosixPath(source).name


def kind_of(name: str, data: bytes) -> str:
    """The MIME type of a file.

    Raises:
        PermanentError: Neither its name nor its bytes tell.
    """
    suffix = _SUFFIX.search(name.lower())
    kind = _promised(suffix[0]) if suffix else ""
    return kind or _seen(data)


def named(source: str) -> str:
    """The MIME type that a source's name alone tells; plain text where it tells none."""
    suffix = _SUFFIX.search(last_name(source).lower())
    return (_promised(suffix[0]) if suffix else "") or "text/plain"


@lru_cache(maxsize=1024)
def _promised(suffix: str) -> str:
    """What kreuzberg says of a file name; it looks at no file that is not there."""
    import kreuzberg as k

    if suffix in _OTHERS:
        return _OTHERS[suffix]
    with TemporaryDirectory() as folder:
        file = Path(folder, f"name{suffix}")
        file.touch()
        try:
            kind = str(k.detect_mime_type_from_path(str(file)))
            return kind if kind in ARCHIVES else str(k.validate_mime_type(kind))
        except (RuntimeError, k.KreuzbergError):
            return ""  # as of a kind that it knows by name alone


def _seen(data: bytes) -> str:
    import kreuzberg as k

    try:
        kind = str(k.detect_mime_type(data[:4096]))
        if kind == "text/plain":
            decode(data)
    except (RuntimeError, PermanentError) as error:
        raise unknown() from error
    return kind


def unknown() -> PermanentError:
    """The refusal of a file whose format nobody knows."""
    return PermanentError("its format is unknown", hint="save it as PDF, Office, HTML or text")
