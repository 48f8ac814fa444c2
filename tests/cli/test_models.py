"""`footnote models`: which models answer, and whether each of them works."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from app.adapters.qdrant_edge import EdgeStore
from app.core.types import Scalar
from tests.cli.conftest import Outcome, Run
from tests.support.scripted_openai import Reply, ScriptedOpenAI
from tests.support.tiny_models import tiny_fastembed_embedder, tiny_fastembed_reranker

INDEX = Path(".footnote") / "index"
OTHER: dict[str, Scalar] = {"embedding": "somebody/else", "dimensions": 16}


def states(outcome: Outcome) -> dict[str, str]:
    return {check["role"]: check["state"] for check in outcome.document["checks"]}


def model_folder(folder: Path) -> Path:
    """The small files of a sentence-transformers model of 768 and, in the end, 256 numbers."""
    (folder / "2_Dense").mkdir(parents=True)
    for name, content in {
        "config.json": {"hidden_size": 768, "max_position_embeddings": 512},
        "sentence_bert_config.json": {"max_seq_length": 128},
        "2_Dense/config.json": {"in_features": 768, "out_features": 256},
    }.items():
        (folder / name).write_text(json.dumps(content))
    (folder / "README.md").write_text("---\nlanguage: en\nlicense: cc-by-4.0\n---\n# A model\n")
    return folder


# list


def test_every_role_has_its_model_in_the_list(run: Run) -> None:
    outcome = run("models", "list", "--json")

    assert outcome.status == 0
    cards = {card.pop("role"): card for card in outcome.document}
    assert list(cards) == ["embedding", "reranking", "reader", "chat"]
    assert cards["embedding"].pop("size_bytes") > 20_000_000
    assert cards["embedding"] == {
        "name": "all-MiniLM-L6-v2-int8/2",
        "kind": "bundled",
        "dimensions": 384,
        "max_tokens": 256,
        "licence": "Apache-2.0",
    }
    assert (cards["chat"]["name"], cards["chat"]["kind"]) == ("none", "none")


def test_the_list_is_a_table_for_people(run: Run) -> None:
    table = run("models", "list").out

    assert "licence" in table
    assert "all-MiniLM-L6-v2-int8/2" in table
    assert "23." in table and " MB" in table


def test_a_folder_tells_what_kind_of_model_it_holds_without_being_loaded(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FOOTNOTE_EMBEDDING__MODEL", str(model_folder(tmp_path / "model")))
    card = run("models", "list", "--json").document[0]

    assert card["kind"] == "sentence-transformers"
    assert (card["dimensions"], card["max_tokens"]) == (256, 128)
    assert card["licence"] == "cc-by-4.0"
    assert 100 < card["size_bytes"] < 1000


def test_a_damaged_model_is_still_listed(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = model_folder(tmp_path / "model")
    (folder / "config.json").write_bytes(b"{\xff")
    monkeypatch.setenv("FOOTNOTE_RERANKING__MODEL", str(folder))
    outcome = run("models", "list", "--json")

    assert outcome.status == 0
    assert outcome.document[1]["name"] == str(folder)


def test_a_model_that_fastembed_would_have_to_fetch_is_listed_without_a_size(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FASTEMBED_CACHE_PATH", str(tmp_path))
    monkeypatch.setenv("FOOTNOTE_EMBEDDING__MODEL", "BAAI/bge-small-en-v1.5")
    monkeypatch.setenv("FOOTNOTE_RERANKING__MODEL", tiny_fastembed_reranker(tmp_path))
    embedding, reranking, *_ = run("models", "list", "--json").document

    assert (embedding["kind"], embedding["size_bytes"]) == ("fastembed", None)
    assert (embedding["dimensions"], embedding["licence"]) == (384, "mit")
    assert (reranking["kind"], reranking["dimensions"]) == ("fastembed", None)
    assert reranking["size_bytes"] > 400_000


# check


def test_a_fresh_set_up_is_checked_line_by_line(run: Run) -> None:
    outcome = run("models", "check")

    assert outcome.status == 0, outcome.out
    embedding, index, reranking, reader, chat = outcome.out.splitlines()
    assert embedding.startswith("✓ embedding all-MiniLM-L6-v2-int8/2: 384 dimensions, reads 256 ")
    assert embedding.endswith(" ms a call")
    assert index == "– index: there is none yet"
    assert reranking.startswith("✓ reranking ")
    assert reader.startswith("✓ reader ")
    assert chat == "– chat: answers are exact quotes"


def test_a_model_that_fails_is_named_with_what_to_do_and_the_others_are_checked(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FASTEMBED_CACHE_PATH", str(tmp_path))
    monkeypatch.setenv("FOOTNOTE_EMBEDDING__MODEL", tiny_fastembed_embedder(tmp_path))
    monkeypatch.setenv("FOOTNOTE_RERANKING__MODEL", tiny_fastembed_reranker(tmp_path))
    file = tmp_path / "tiny-reranker" / "model.onnx"
    file.write_bytes(file.read_bytes()[:50])
    outcome = run("models", "check", "--json")

    assert outcome.status == 1
    assert outcome.document["ok"] is False
    assert states(outcome) == {
        "embedding": "ok", "index": "off", "reranking": "problem", "reader": "ok", "chat": "off",
    }  # fmt: skip
    (broken,) = (c for c in outcome.document["checks"] if c["state"] == "problem")
    assert "a file of it is damaged" in broken["detail"]
    assert "fetch them again" in broken["hint"]
    assert broken["ms"] is None
    assert outcome.err == "", "the library says nothing of its own"


def test_without_an_embedding_model_what_needs_it_fails_and_the_rest_does_not(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FOOTNOTE_EMBEDDING__MODEL", "./nothing")
    monkeypatch.setenv("FOOTNOTE_RERANKING__MODEL", "none")
    outcome = run("models", "check", "--json")

    assert outcome.status == 1
    assert states(outcome) == {
        "embedding": "problem", "index": "off", "reranking": "off",
        "reader": "problem", "chat": "off",
    }  # fmt: skip


def test_an_index_of_another_model_is_found_before_a_search_fails(run: Run) -> None:
    store = asyncio.run(EdgeStore.open(INDEX, dimensions=16, fingerprint=OTHER))
    asyncio.run(store.close())
    outcome = run("models", "check")

    assert outcome.status == 1
    (line,) = (line for line in outcome.out.splitlines() if line.startswith("✗"))
    assert "dimensions: 16 there, 384 here" in line
    assert "embedding: somebody/else there, all-MiniLM-L6-v2-int8/2 here" in line
    assert "footnote index rebuild" in line


def test_an_index_that_a_server_holds_is_compared_all_the_same(run: Run) -> None:
    store = asyncio.run(EdgeStore.open(INDEX, dimensions=16, fingerprint=OTHER))
    try:
        outcome = run("models", "check", "--json")
    finally:
        asyncio.run(store.close())

    assert states(outcome)["index"] == "problem"
    assert "16 there" in outcome.document["checks"][1]["detail"]


def test_the_chat_model_is_asked_once(
    run: Run, scripted_openai: ScriptedOpenAI, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", scripted_openai.base_url)
    monkeypatch.setenv("FOOTNOTE_CHAT__MODEL", "scripted")
    scripted_openai.script(Reply("ready"))
    outcome = run("models", "check")

    assert outcome.status == 0
    assert "✓ chat scripted: it answers, " in outcome.out
    assert len(scripted_openai.requests) == 1


def test_a_chat_model_that_does_not_answer_is_named_without_its_key(
    run: Run, free_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", f"http://127.0.0.1:{free_port}/v1")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-very-secret")
    monkeypatch.setenv("FOOTNOTE_CHAT__MAX_RETRIES", "0")
    outcome = run("models", "check")

    assert outcome.status == 1
    (line,) = (line for line in outcome.out.splitlines() if line.startswith("✗"))
    assert line.endswith("; check OPENAI_BASE_URL and the network")
    assert "very-secret" not in outcome.out + outcome.err
