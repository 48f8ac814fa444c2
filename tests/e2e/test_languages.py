"""BM25 alone finds the paragraph that answers, whatever the language.

Chinese, German, Arabic and Russian are XQuAD's, every paragraph and question. XQuAD has no
Japanese: those paragraphs and questions are ours (see eval/multilingual/sets.py).
"""

from __future__ import annotations

from pathlib import Path

import pytest

from app.core.settings import load_settings
from app.core.types import Scope
from app.wiring import open_footnote
from eval.multilingual.measure import hit_rates
from eval.multilingual.sets import XQUAD, read_japanese, read_xquad

BAR = 0.85
needs_xquad = pytest.mark.skipif(not XQUAD.is_dir(), reason="the folder ../shared/data is not here")


@needs_xquad
@pytest.mark.parametrize("language", ["zh", "de", "ar", "ru"])
async def test_the_paragraph_is_among_the_first_ten(language: str) -> None:
    (_, among_ten) = (await hit_rates(read_xquad(XQUAD, language)))[language]

    assert among_ten >= BAR


async def test_the_japanese_paragraph_is_among_the_first_ten() -> None:
    (_, among_ten) = (await hit_rates([read_japanese()]))["ja"]

    assert among_ten >= BAR


@needs_xquad
async def test_other_languages_in_the_same_tenant_do_not_bury_it() -> None:
    sets = [*read_xquad(XQUAD, "zh", "de", "ar", "ru", "en"), read_japanese()]

    found = await hit_rates(sets, every=5)

    assert {language: rate for language, (_, rate) in found.items() if rate < BAR} == {}


@pytest.mark.parametrize(
    ("text", "language", "question"),
    [
        ("# Häuser\n\nDie Gästehäuser der Firma stehen allen Mitarbeitern gerne offen.\n",
         "german", "Mitarbeiter Gästehaus"),
        ("# 休暇\n\n社員には年25日の有給休暇が与えられます。申請は上司に行ってください。\n",
         "japanese", "有給は何日?"),
        ("# Отпуск\n\nСотрудникам предоставляется ежегодный оплачиваемый отпуск и больничный.\n",
         "russian", "отпуска сотрудников"),
    ],
)  # fmt: skip
async def test_an_ingested_file_is_found_by_its_words(
    tmp_path: Path, text: str, language: str, question: str
) -> None:
    file = tmp_path / "file.md"
    file.write_text(text, encoding="utf-8")
    settings = load_settings(data_dir=tmp_path / "data", reranking={"model": "none"})

    async with open_footnote(settings) as footnote:
        await footnote.ingest([file], tenant="default", tags={})
        (document,) = await footnote.store.documents(Scope())
        (passage,) = await footnote.search(question, Scope())

    assert document.language == language
    assert passage.scores.bm25 is not None
