"""Settings: a typo is named at start, and a secret is never shown."""

from __future__ import annotations

import traceback
from pathlib import Path

import pytest

from app.core.errors import ConfigError
from app.core.settings import Settings, load_settings, setting_names

SECRET = "s3cret-Wert"
SECRETS = {
    "OPENAI_API_KEY": SECRET,
    "LANGFUSE_PUBLIC_KEY": SECRET,
    "LANGFUSE_SECRET_KEY": SECRET,
    "FOOTNOTE_API__KEY": SECRET,
    "FOOTNOTE_QDRANT__API_KEY": SECRET,
    "FOOTNOTE_REDIS__URL": f"redis://user:{SECRET}@host:6379/0",
    "FOOTNOTE_DATABASE__URL": f"postgresql://user:{SECRET}@host/db",
}


def in_file(text: str) -> None:
    """Write footnote.toml into the test's own folder."""
    Path("footnote.toml").write_text(text, encoding="utf-8")


def refusal() -> str:
    """What a user is told, traceback included."""
    with pytest.raises(ConfigError) as refused:
        load_settings()
    shown = str(refused.value) + "".join(traceback.format_exception(refused.value))
    assert SECRET not in shown
    return str(refused.value)


def test_without_anything_set_everything_runs_in_the_process() -> None:
    settings = load_settings()

    assert not settings.qdrant.url
    assert not settings.redis.url
    assert not settings.database.url
    assert not settings.has_chat_model
    assert not settings.has_tracing
    assert settings.embedding.model == settings.reranking.model == "bundled"


def test_a_misspelt_variable_is_refused_with_the_name_that_was_meant(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FOOTNOTE_RETREIVAL__K", "3")

    assert refusal() == (
        "unknown setting FOOTNOTE_RETREIVAL__K; did you mean FOOTNOTE_RETRIEVAL__K?"
    )


@pytest.mark.parametrize(
    "name", ["FOOTNOTE_RETRIEVAL__KK", "footnote_retrieval__kk", "FOOTNOTE_ZZZ", "FOOTNOTE_"]
)
def test_an_unknown_variable_is_refused_not_ignored(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, SECRET)

    assert f"unknown setting {name};" in refusal()


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("[retreival]\nk = 3", "retreival"),
        ("[retrieval]\nkk = 3", "retrieval.kk"),
        ("colour = 'red'", "colour"),
        (f"[api]\nkee = '{SECRET}'", "api.kee"),
    ],
)
def test_an_unknown_key_in_the_file_is_refused_by_name(text: str, name: str) -> None:
    in_file(text)

    assert f"unknown setting {name}" in refusal()


@pytest.mark.parametrize("text", [f"key = '{SECRET}", f"[api]\nkey = {SECRET}", "[api\n", "\x00"])
def test_a_file_that_is_not_toml_is_named_without_quoting_it(text: str) -> None:
    in_file(text)

    assert refusal().startswith("footnote.toml cannot be read")


@pytest.mark.parametrize(
    ("variable", "value", "key"),
    [
        ("FOOTNOTE_RETRIEVAL__K", SECRET, "retrieval.k"),
        ("FOOTNOTE_RETRIEVAL__K", "0", "retrieval.k"),
        ("FOOTNOTE_RETRIEVAL__DENSE_WEIGHT", "nan", "retrieval.dense_weight"),
        ("FOOTNOTE_ANSWER__RELEVANT", "1.5", "answer.relevant"),
        ("FOOTNOTE_REDIS__TIMEOUT_S", "-1", "redis.timeout_s"),
        ("FOOTNOTE_LOG__LEVEL", SECRET, "log.level"),
        ("FOOTNOTE_CACHE__ENABLED", SECRET, "cache.enabled"),
    ],
)
def test_a_bad_value_is_refused_by_key_and_never_repeated(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, key: str
) -> None:
    monkeypatch.setenv(variable, value)

    assert f"bad value for {key}: " in refusal()


def test_a_bad_value_in_the_file_is_refused_by_key() -> None:
    in_file(f"[retrieval]\nk = '{SECRET}'")

    assert "bad value for retrieval.k: " in refusal()


def test_all_faults_are_named_at_once() -> None:
    in_file("[retrieval]\nk = 0\ndepth = 0\n[log]\nlevel = 'loud'")

    message = refusal()

    assert all(key in message for key in ("retrieval.k", "retrieval.depth", "log.level"))


def test_a_section_as_one_variable_is_json_or_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOOTNOTE_RETRIEVAL", '{"k": 4}')
    assert load_settings().retrieval.k == 4

    monkeypatch.setenv("FOOTNOTE_RETRIEVAL", f'{{"k": {SECRET}}}')
    assert "FOOTNOTE_<SECTION>__<KEY>" in refusal()


def test_the_environment_wins_over_the_file_and_an_argument_over_both(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    in_file("[retrieval]\nk = 5\ndepth = 40")
    assert load_settings().retrieval.k == 5

    monkeypatch.setenv("FOOTNOTE_RETRIEVAL__K", "3")
    settings = load_settings()
    assert (settings.retrieval.k, settings.retrieval.depth) == (3, 40)
    assert load_settings(retrieval={"k": 2}).retrieval.k == 2


def test_an_empty_address_means_embedded_as_in_a_compose_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("QDRANT__URL", "REDIS__URL", "DATABASE__URL", "API__KEY"):
        monkeypatch.setenv(f"FOOTNOTE_{name}", "")
    monkeypatch.setenv("OPENAI_API_KEY", "")

    settings = load_settings()

    assert not settings.qdrant.url
    assert not settings.redis.url
    assert not settings.database.url
    assert not settings.api.key
    assert not settings.has_chat_model


def test_secrets_are_masked_wherever_settings_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)

    settings = load_settings()

    assert settings.openai_api_key
    assert settings.openai_api_key.get_secret_value() == SECRET
    shown = [
        repr(settings),
        str(settings),
        settings.model_dump_json(),
        repr(settings.model_dump()),
        repr(settings.redis),
        f"{settings.database}",
    ]
    assert not any(SECRET in text for text in shown)


def test_settings_cannot_change_under_a_running_service() -> None:
    settings = load_settings()

    for holder, name in ((settings, "data_dir"), (settings.retrieval, "k")):
        with pytest.raises(ValueError, match="frozen"):
            setattr(holder, name, 1)


def test_every_setting_has_a_description_for_the_table_in_the_readme() -> None:
    rows = list(setting_names())

    assert all(description for _, description, _ in rows)
    assert len({name for name, _, _ in rows}) == len(rows) > len(Settings.model_fields)


def test_every_listed_variable_and_default_can_be_written_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plain = load_settings()
    for name, _, default in setting_names():
        if default is not None:
            monkeypatch.setenv(name, str(default))

    assert load_settings() == plain
