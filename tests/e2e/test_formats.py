"""The sample documents, fifteen files of nine formats, through the whole service."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

import pytest

from app.core.exchange import Ask, IngestReport
from app.core.settings import load_settings
from app.core.types import Answer, Citation, Document, Passage, Scope
from app.service import Footnote
from app.wiring import open_footnote
from tests.support.paths import HANDBOOK

HERE = Scope("default")


@dataclass(frozen=True)
class Case:
    """A question, the file that answers it, its page if it has pages, and what it says."""

    file: str
    page: int | None
    question: str
    said: str


CASES = [
    Case("it-security.md", None,
         "How quickly must a lost or stolen device be reported?", "90 minutes"),
    Case("code-of-conduct.html", None,
         "Up to what value may gifts be accepted without asking?", "EUR 35"),
    Case("data-protection-and-retention.html", None,
         "Within how many hours must the data protection officer be told of a breach?", "12 hours"),
    Case("dp40-product-manual.pdf", 2,
         "What torque should the head screws be tightened to?", "4.5 Nm"),
    Case("dp40-product-manual.pdf", 3,
         "Within how many days must the serial number be registered for the warranty?", "60 days"),
    Case("service-level-agreement.pdf", 1,
         "When does planned maintenance of the portal take place?", "second Sunday"),
    Case("service-level-agreement.pdf", 2,
         "Which place of jurisdiction applies to the service agreement?", "Zutphen"),
    Case("travel-and-expenses.docx", None,
         "How much is paid per kilometre for a private car?", "EUR 0.31"),
    Case("parental-leave-and-benefits.docx", None,
         "How many weeks on full pay does the other parent receive?", "5 weeks"),
    Case("equipment-catalogue.xlsx", None, "What is the lead time for a DP60-S pump?", "11 weeks"),
    Case("all-hands-q3-2025.pptx", 6,
         "When does regular production on the second line in Brno start?", "March 2026"),
    Case("all-hands-q3-2025.pptx", 10,
         "When is the next all-hands meeting?", "22 January 2026"),
    Case("procurement-limits-2026.eml", None,
         "Up to what amount may the plant manager order repairs by phone?", "EUR 12,000"),
    Case("telemetry-outage-incident-report.eml", None,
         "Why did the message broker stop accepting connections?", "TLS certificate"),
    Case("office-locations.csv", None, "Who is the site lead of the office in Graz?", "Krainer"),
]  # fmt: skip


@dataclass(frozen=True)
class Outcome:
    """What the service made of the folder."""

    report: IngestReport
    documents: dict[str, Document]
    texts: dict[str, str]
    passages: dict[Case, list[Passage]]
    answers: dict[Case, Answer]


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    return asyncio.run(_use(tmp_path_factory.mktemp("data")))


async def _use(data_dir: Path) -> Outcome:
    async with open_footnote(load_settings(data_dir=data_dir)) as footnote:
        report = await footnote.ingest([HANDBOOK], tenant="default", tags={})
        documents = {Path(d.source).name: d for d in await footnote.store.documents(HERE)}
        return Outcome(
            report,
            documents,
            {d.document_id: await footnote.text(d.document_id, HERE) for d in documents.values()},
            {case: await footnote.search(case.question, HERE, 3) for case in CASES},
            {case: await _ask(footnote, case) for case in CASES},
        )


async def _ask(footnote: Footnote, case: Case) -> Answer:
    return await footnote.ask(Ask(case.question, HERE))


by_case = pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.file}-{case.said}")


def test_every_document_of_the_folder_is_in_the_index(outcome: Outcome) -> None:
    report = outcome.report
    assert (report.added, report.updated, report.unchanged, report.deleted) == (15, 0, 0, 0)
    assert report.failures == []
    assert outcome.documents.keys() == {file.name for file in HANDBOOK.iterdir()}
    assert report.chunks == sum(d.chunks for d in outcome.documents.values())


def test_paged_documents_know_their_pages(outcome: Outcome) -> None:
    pages = {name: d.pages for name, d in outcome.documents.items() if d.pages}
    assert pages == {
        "dp40-product-manual.pdf": 3,
        "service-level-agreement.pdf": 2,
        "all-hands-q3-2025.pptx": 10,
    }


@by_case
def test_a_sentence_of_each_format_is_found_on_its_page(outcome: Outcome, case: Case) -> None:
    wanted = outcome.documents[case.file].document_id
    found = [p for p in outcome.passages[case] if p.document_id == wanted and case.said in p.text]
    assert found, [(p.title, p.text) for p in outcome.passages[case]]
    assert found[0].page == case.page


@by_case
def test_a_citation_s_place_holds_its_quote_in_each_format(outcome: Outcome, case: Case) -> None:
    for passage in outcome.passages[case]:
        assert outcome.texts[passage.document_id][passage.start : passage.end] == passage.text
    for citation in outcome.answers[case].citations:
        assert outcome.texts[citation.document_id][citation.start : citation.end] == citation.quote


def test_answers_quote_the_sentence_and_name_its_page(outcome: Outcome) -> None:
    """How often an answer is right is for the evaluation; most are, and none errs by a page."""
    proofs = {case: _proofs(outcome, case) for case in CASES}
    assert sum(map(bool, proofs.values())) >= 10, {c.file: outcome.answers[c].answer for c in CASES}
    for case, found in proofs.items():
        assert all(citation.page == case.page for citation in found)


def _proofs(outcome: Outcome, case: Case) -> list[Citation]:
    wanted = outcome.documents[case.file].document_id
    citations = outcome.answers[case].citations
    return [c for c in citations if c.document_id == wanted and case.said in c.quote]
