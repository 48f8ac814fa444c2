"""`footnote doctor`: what it finds, and what counts as broken."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Run


def _states(document: dict[str, list[dict[str, str]]]) -> dict[str, str]:
    return {check["name"]: check["state"] for check in document["checks"]}


def test_a_fresh_set_up_is_well(footnote: Run) -> None:
    outcome = footnote("doctor", "--json")
    assert outcome.status == 0, outcome.err
    states = _states(outcome.document)
    assert outcome.document["ok"] is True
    for part in ("settings", "data folder", "bundled model", "index", "conversations", "prompts"):
        assert states[part] == "ok"
    for part in ("Qdrant", "Redis", "database", "chat model"):
        assert states[part] == "off"


def test_the_table_says_what_to_do(footnote: Run) -> None:
    outcome = footnote("doctor")
    assert outcome.status == 0
    assert "what to do" in outcome.out
    assert "OPENAI_API_KEY" in outcome.out
    assert outcome.out.endswith("everything needed works\n")


def test_a_server_that_does_not_answer_is_a_problem_and_its_password_a_secret(
    footnote: Run, free_port: int
) -> None:
    url = f"redis://:hunter2@127.0.0.1:{free_port}/0"
    outcome = footnote("doctor", "--json", FOOTNOTE_REDIS__URL=url)
    assert outcome.status == 1
    assert outcome.document["ok"] is False
    assert _states(outcome.document)["Redis"] == "problem"
    assert _states(outcome.document)["index"] == "ok"
    assert f"127.0.0.1:{free_port}" in outcome.out
    assert "hunter2" not in outcome.out + outcome.err


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_bad_settings_are_found_not_raised(footnote: Run, form: list[str]) -> None:
    outcome = footnote("doctor", *form, FOOTNOTE_QDRANT__URI="x")
    assert outcome.status == 1
    assert "did you mean FOOTNOTE_QDRANT__URL?" in outcome.out
    assert outcome.err == ""


def test_a_data_folder_that_cannot_be_written_is_a_problem(footnote: Run, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    outcome = footnote("doctor", "--json", FOOTNOTE_DATA_DIR=str(tmp_path / "file" / "data"))
    assert outcome.status == 1
    assert _states(outcome.document)["data folder"] == "problem"
