"""What crosses tenants is for the operator: no door that serves a tenant reaches it."""

from __future__ import annotations

import re

from tests.support.paths import ROOT

_CROSSING = re.compile(r"\.(everything|census)\(")
_ALLOWED = {"app/adapters", "app/index.py", "ingestion/rebuild.py", "ingestion/transfer.py"}


def test_only_an_operators_work_reads_across_tenants() -> None:
    files = (
        file for folder in ("app", "graphs", "ingestion") for file in (ROOT / folder).rglob("*.py")
    )
    crossing = {
        file.relative_to(ROOT).as_posix()
        for file in files
        if _CROSSING.search(file.read_text("utf-8"))
    }

    assert {f for f in crossing if not f.startswith(tuple(_ALLOWED))} == set()
    assert "ingestion/rebuild.py" in crossing, "or nothing is looked at here"
