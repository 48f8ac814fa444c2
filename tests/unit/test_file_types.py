"""A file's name tells the kind by which people ask for it."""

from __future__ import annotations

import pytest

from app.core.file_types import FileType, file_type


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ("/share/Plan.PDF", "pdf"),
        ("/share/mail.eml!/plan.xlsx", "spreadsheet"),
        ("/share/mail.eml", "mail"),
        ("deck.v2.pptx", "slides"),
        ("https://wiki/x.pdf?version=2#page", "pdf"),
        ("what?.docx", "word"),
        ("https://wiki/page", None),
        ("README", None),
        ("", None),
    ],
)
def test_kinds_by_name(source: str, kind: FileType | None) -> None:
    assert file_type(source) == kind
