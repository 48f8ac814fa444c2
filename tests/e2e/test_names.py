"""Documents that differ in little but the name of their file."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.core.settings import load_settings
from app.core.types import Scope
from app.wiring import open_footnote

FORM = "# Order form\n\n## Prices\n\nThe price of a pump is EUR {price}, carriage included.\n"
FILES = {"nordwind-2023.md": 840, "nordwind-2024.md": 910, "calder-2024.md": 875}


@pytest.mark.parametrize(
    ("question", "file"),
    [
        ("What does a pump cost in the order form of Nordwind for 2024?", "nordwind-2024.md"),
        ("What did Nordwind pay for a pump in 2023?", "nordwind-2023.md"),
        ("Calder's price for a pump", "calder-2024.md"),
    ],
)
async def test_a_question_finds_the_form_whose_customer_and_year_only_the_file_s_name_tells(
    tmp_path: Path, question: str, file: str
) -> None:
    forms = tmp_path / "forms"
    forms.mkdir()
    for name, price in FILES.items():
        (forms / name).write_text(FORM.format(price=price), "utf-8")

    async with open_footnote(load_settings(data_dir=tmp_path / "data")) as footnote:
        await footnote.ingest([forms], tenant="default", tags={})
        best, *_ = await footnote.search(question, Scope("default"))

    assert Path(best.source).name == file
