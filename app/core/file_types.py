"""Kinds of files, as people name them."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Literal, get_args

FileType = Literal["pdf", "slides", "spreadsheet", "mail", "word", "web page"]
FILE_TYPES: tuple[FileType, ...] = get_args(FileType)

_SUFFIXES: dict[FileType, tuple[str, ...]] = {
    "pdf": (".pdf",),
    "slides": (".pptx", ".ppt", ".pptm", ".ppsx", ".pps", ".odp", ".key"),
    "spreadsheet": (".xlsx", ".xls", ".xlsm", ".xlsb", ".ods", ".csv", ".tsv", ".numbers"),
    "mail": (".eml", ".msg", ".mbox", ".pst"),
    "word": (".docx", ".doc", ".docm", ".odt", ".rtf"),
    "web page": (".html", ".htm", ".xhtml", ".mhtml"),
}
_BY_SUFFIX = {suffix: kind for kind, suffixes in _SUFFIXES.items() for suffix in suffixes}


def file_type(source: str) -> FileType | None:
    """The kind that a source's name tells, if it is one that people ask for."""
    name = source.partition("?")[0].partition("#")[0] if "://" in source else source
    return _BY_SUFFIX.get(PurePosixPath(name).suffix.lower())
