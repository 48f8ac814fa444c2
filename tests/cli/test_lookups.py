"""`footnote search`, `documents` and `prompts`."""

from __future__ import annotations

import pytest

from app.core.types import Scope
from tests.cli.conftest import Run
from tests.cli.fake import DOCUMENT, PASSAGE, WHY_NOT, FakeFootnote


def test_search_passes_its_options_on(run: Run, fake: FakeFootnote) -> None:
    filters = ("--filter", "team=hr", "--filter", "team=legal", "--filter", "title=A=B")
    run("search", "leave", "-k", "3", "--tenant", "acme", *filters)
    scope = Scope("acme", {"team": ["hr", "legal"], "title": ["A=B"]})
    assert fake.searched == [("leave", scope, 3)]


def test_search_shows_a_table_and_stages_on_request(run: Run) -> None:
    short, long = run("search", "leave").out, run("search", "leave", "--explain").out
    for shown in ("0.875", "Handbook [bold]", "Annual leave", "28 days"):
        assert shown in short
    assert "bm25" not in short
    for shown in ("dense", "bm25", "2.000", "0.030", "–"):
        assert shown in long


def test_forms_of_one_title_are_told_apart_by_the_names_of_their_files(
    run: Run, fake: FakeFootnote
) -> None:
    fake.passages = [
        PASSAGE.model_copy(update={"title": "Order form", "source": f"/x/nord-{year}.pdf"})
        for year in (2023, 2024)
    ]
    out = run("search", "price").out
    assert "nord 2023 > Order form, page 3" in out and "nord 2024 > Order form, page 3" in out


@pytest.mark.parametrize("k", ["0", "-1", "10000"])
def test_how_many_passages_may_be_asked_for_is_said_and_not_guessed(
    run: Run, fake: FakeFootnote, k: str
) -> None:
    outcome = run("search", "leave", "-k", k)
    assert outcome.status == 2
    assert "'-k': ask for 1 to 1000 passages" in outcome.error
    assert fake.searched == []


def test_search_json_is_the_contract_s_shape(run: Run) -> None:
    assert run("search", "leave", "--json").document == {
        "passages": [PASSAGE.model_dump(mode="json")]
    }


def test_finding_nothing_is_not_a_failure(run: Run, fake: FakeFootnote) -> None:
    fake.passages = []
    outcome = run("search", "leave")
    assert (outcome.status, outcome.out) == (0, "")
    assert run("search", "leave", "--json").document == {"passages": []}


def test_why_not_passes_its_options_on(run: Run, fake: FakeFootnote) -> None:
    run("why-not", "leave?", "--document", "d-1", "--tenant", "acme", "--filter", "team=hr")
    assert fake.missed == [("leave?", "d-1", Scope("acme", {"team": ["hr"]}))]


def test_why_not_shows_each_stage_and_what_became_of_the_document(run: Run) -> None:
    shown = run("why-not", "leave?", "--document", "d-1")
    assert shown.status == 0
    for told in ("12 of 99", "the best 50 go on", "– of 3", "0.500", "kept", "lost", "Other"):
        assert told in shown.out
    last = "Handbook [bold]: 97% of its best chunk stands in “Other”, ranked above it\n"
    assert shown.out.endswith(last)


def test_why_not_as_json(run: Run) -> None:
    document = run("why-not", "leave?", "--document", "d-1", "--json").document
    assert document == WHY_NOT.model_dump(mode="json")
    assert document["lost_at"] == "near_copy"


def test_why_not_needs_a_question_and_a_document(run: Run) -> None:
    assert run("why-not", "leave?").status == 2
    assert run("why-not", " ", "--document", "d-1").status == 2


def test_documents_list_show_and_delete(run: Run, fake: FakeFootnote) -> None:
    listed = run("documents", "list", "--tenant", "acme")
    assert "d-1" in listed.out and "docs/leave.md" in listed.out
    assert "team=hr" in run("documents", "show", "d-1").out
    assert run("documents", "delete", "d-1").out == "deleted d-1\n"
    assert fake.store.deleted == ["d-1"]
    assert fake.store.scopes[0] == Scope("acme")


def test_flagged_documents_are_marked_and_can_be_listed_alone(run: Run, fake: FakeFootnote) -> None:
    flags = {"document_id": "d-2", "flags": ["hidden-text", "instructions"]}
    fake.store.listed.append(DOCUMENT.model_copy(update=flags))

    assert "! hidden-text, instructions" in run("documents", "list").out
    alone = run("documents", "list", "--flagged", "--json").document
    assert [document["document_id"] for document in alone] == ["d-2"]
    fake.store.listed.pop()
    assert run("documents", "list", "--flagged").err == "no document is flagged\n"


def test_documents_as_json(run: Run) -> None:
    document = DOCUMENT.model_dump(mode="json")
    assert run("documents", "list", "--json").document == [document]
    assert run("documents", "show", "d-1", "--json").document == document
    assert run("documents", "delete", "d-1", "--json").document == {
        "document_id": "d-1",
        "deleted": True,
    }


def test_a_document_that_is_not_there_is_status_1(run: Run) -> None:
    for command in ("show", "delete"):
        outcome = run("documents", command, "d-9", "--json")
        assert (outcome.status, outcome.out) == (1, "")
        assert outcome.error == "there is no document d-9; list them"


def test_prompts_are_listed_shown_and_checked(run: Run) -> None:
    assert "generate" in run("prompts", "list").out
    shown = run("prompts", "show", "generate").out
    assert "--- system" in shown and "passages:" in shown
    assert "all valid" in run("prompts", "check").out
