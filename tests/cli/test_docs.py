"""The generated parts of the README."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr

from app.cli import docs

FRAME = "# Title\n\n<!-- generated: {name} -->\nold\n<!-- end -->\n\nThe rest.\n"


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):  # type: ignore[no-untyped-def]
    readme = tmp_path / "README.md"

    def call(text: str | None, *options: str) -> tuple[int, str, str]:
        if text is not None:
            readme.write_text(text)
        monkeypatch.setattr("sys.argv", ["docs", "--readme", str(readme), *options])
        return docs.run(), readme.read_text(), capsys.readouterr().err

    return call


def test_parts_are_written_and_then_up_to_date(write) -> None:  # type: ignore[no-untyped-def]
    text = FRAME.format(name="settings") + FRAME.format(name="cli")
    status, _, error = write(text, "--check")
    assert status == 1
    assert "README.md: stale: settings, cli" in error
    status, filled, _ = write(None)
    assert status == 0
    assert "| `FOOTNOTE_RETRIEVAL__K` | `8` | passages that go on to the answer |" in filled
    assert "Usage: footnote documents show" in filled
    assert "\nold\n" not in filled
    assert filled.count("The rest.") == 2
    assert write(None, "--check") == (0, filled, "")


def test_the_graph_is_drawn_from_the_code() -> None:
    drawing = docs.graph_drawing()
    assert drawing.startswith("```mermaid\n")
    assert "retrieve --> rerank" in drawing


def test_an_unknown_part_is_refused(write) -> None:  # type: ignore[no-untyped-def]
    status, _, error = write(FRAME.format(name="nonsense"))
    assert status == 2
    assert "nonsense" in error


def test_no_secret_default_is_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "app.core.settings.setting_names", lambda: iter([("KEY", "a|b", SecretStr("hunter2"))])
    )
    assert docs.settings_table().splitlines()[-1] == "| `KEY` |  | a\\|b |"
