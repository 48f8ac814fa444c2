from __future__ import annotations

from pathlib import Path

import pytest

from app.core.errors import ConfigError
from eval.runner import settings_for
from eval.suite import Bound, Suite, list_suites, load_suite
from tests.eval.conftest import MakeSuite


def test_the_suites_that_come_along_are_sound() -> None:
    suites = {suite.name: suite for suite in list_suites()}
    assert suites["smoke"].gates["hit@5"].min == pytest.approx(31 / 32)
    assert load_suite("smoke")[0] == suites["smoke"]


def test_a_suite_is_found_by_its_path(make_suite: MakeSuite) -> None:
    file = make_suite({"errors": {"max": 0}})
    suite, folder = load_suite(str(file))
    assert (suite.name, folder) == ("tiny", file.parent)


@pytest.mark.parametrize(
    ("parts", "named"),
    [
        ({"gate": {}}, "unknown key gate"),
        ({"gates": {"hit@5": {"minimum": 1}}}, r"unknown key gates\.hit@5\.minimum"),
        ({"gates": {"hit@5": {}}}, "needs min or max"),
        ({"gates": {"hit@5": {"min": "31/0"}}}, "no fraction"),
        ({"gates": {"hit@5": {"min": ".nan"}}}, r"gates\.hit@5\.min"),
        ({"metrics": ["retrieval", "magic"]}, r"metrics\.1"),
        ({"ragas": {"metrics": ["rouge"]}}, r"ragas\.metrics\.0"),
        ({"ragas": {"judge": {"metrics": ["faithfulness"]}}}, r"ragas\.judge\.model"),
        ({"name": "a/b"}, "name"),
    ],
)
def test_a_faulty_suite_is_refused_by_key(
    make_suite: MakeSuite, parts: dict[str, object], named: str
) -> None:
    file = make_suite(**{"gates": {"errors": {"max": 0}}, **parts})
    with pytest.raises(ConfigError, match=named):
        load_suite(str(file))


def test_no_suite_and_no_yaml(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no suite nothing") as raised:
        load_suite("nothing")
    assert "smoke" in raised.value.hint
    broken = tmp_path / "broken.yaml"
    broken.write_text("gates: [", "utf-8")
    with pytest.raises(ConfigError, match="not YAML"):
        load_suite(str(broken))


def suite(**settings: dict[str, object]) -> Suite:
    return Suite(name="s", dataset="d", settings=settings, gates={"errors": Bound(max=0)})


def test_changes_win_over_the_suite_and_the_suite_over_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("FOOTNOTE_RERANKING__DEPTH", "4")
    monkeypatch.setenv("FOOTNOTE_RETRIEVAL__DEPTH", "40")
    monkeypatch.setenv("FOOTNOTE_RETRIEVAL__K", "3")
    found = settings_for(
        suite(retrieval={"depth": 30}, reranking={"model": "bundled"}),
        tmp_path,
        {"reranking": {"model": "none"}},
    )
    assert found.reranking.model == "none"
    assert found.retrieval.depth == 30
    assert found.reranking.depth == 4
    assert found.retrieval.k == 3


def test_a_run_never_touches_the_users_servers(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("FOOTNOTE_QDRANT__URL", "http://qdrant.example:6333")
    monkeypatch.setenv("FOOTNOTE_REDIS__URL", "redis://redis.example")
    monkeypatch.setenv("FOOTNOTE_DATABASE__URL", "postgresql://db.example/x")
    monkeypatch.setenv("FOOTNOTE_DATA_DIR", "/precious")
    found = settings_for(suite(), tmp_path, {})
    assert [found.qdrant.url, found.redis.url, found.database.url] == [None, None, None]
    assert found.data_dir == tmp_path
    assert not found.cache.enabled
    with pytest.raises(ConfigError, match="chooses qdrant itself"):
        settings_for(suite(qdrant={"url": "http://qdrant.example:6333"}), tmp_path, {})


def test_an_unknown_setting_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"unknown setting reranking\.modle"):
        settings_for(suite(), tmp_path, {"reranking": {"modle": "none"}})
