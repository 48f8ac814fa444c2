"""Which files are ingested: all that are meant, none twice, and no surprise ends the run."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from ingestion.sources import coverage, find_files


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A folder with files at several depths."""
    for name in ("a.md", "b.txt", "sub/c.md", "sub/deep/d.md", ".hidden.md", ".git/e.md"):
        file = tmp_path / "docs" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(name)
    return tmp_path / "docs"


def found(*paths: str | Path) -> list[str]:
    """Names below the current folder, when nothing fails."""
    files, failures = find_files(paths)
    assert failures == []
    assert all(Path(file).is_absolute() for file in files)
    return [str(Path(file).relative_to(Path.cwd())) for file in files]


def test_a_folder_is_walked_to_its_depths_but_not_into_hidden_places(tree: Path) -> None:
    names = ["docs/a.md", "docs/b.txt", "docs/sub/c.md", "docs/sub/deep/d.md"]
    assert found("docs") == found(tree) == found("docs/") == names


def test_a_hidden_file_that_is_named_is_meant(tree: Path) -> None:
    assert found("docs/.hidden.md") == ["docs/.hidden.md"]
    assert found("docs/.git") == ["docs/.git/e.md"]


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("docs/*.md", ["docs/a.md"]),
        ("docs/**/*.md", ["docs/a.md", "docs/sub/c.md", "docs/sub/deep/d.md"]),
        ("docs/s*", ["docs/sub/c.md", "docs/sub/deep/d.md"]),
        ("docs/[ab].*", ["docs/a.md", "docs/b.txt"]),
        ("docs/?.txt", ["docs/b.txt"]),
    ],
)
def test_a_glob_means_what_it_matches(tree: Path, pattern: str, names: list[str]) -> None:
    assert found(pattern) == found(tree.parent / pattern) == names


def test_a_file_named_twice_is_ingested_once(tree: Path) -> None:
    assert found("docs/a.md", tree / "a.md", "docs/sub/../a.md", "./docs/*.md") == ["docs/a.md"]


def test_the_rest_is_found_when_a_path_leads_nowhere(tree: Path) -> None:
    files, failures = find_files(["nowhere", "docs/a.md", "docs/*.pdf", "docs/nothing.md"])
    assert [Path(file).name for file in files] == ["a.md"]
    assert [failure.source for failure in failures] == ["nowhere", "docs/*.pdf", "docs/nothing.md"]
    assert all(failure.error == "nothing is there" for failure in failures)


def test_a_circle_of_links_ends(tree: Path) -> None:
    (tree / "sub" / "up").symlink_to(tree)
    (tree / "round").symlink_to(tree / "round")
    files, _ = find_files([tree])
    assert len(files) == 5  # the four, and the link to itself, which cannot be read
    _, failures = find_files([tree / "round"])
    assert len(failures) == 1


def test_a_link_to_a_file_is_read_and_a_named_link_to_a_folder_is_walked(tree: Path) -> None:
    (tree / "also.md").symlink_to(tree / "a.md")
    (tree.parent / "link").symlink_to(tree / "sub")
    assert "docs/also.md" in found("docs")
    assert found("link") == ["link/c.md", "link/deep/d.md"]


def test_a_broken_link_or_a_pipe_does_not_hide_the_files_around_it(tree: Path) -> None:
    (tree / "gone.md").symlink_to(tree / "nowhere.md")
    os.mkfifo(tree / "pipe")
    names = [Path(file).name for file in find_files([tree])[0]]
    assert names == ["a.md", "b.txt", "gone.md", "pipe", "c.md", "d.md"]


@pytest.mark.parametrize("name", ["two words.md", "Übersicht 🏖️.md", "two\nlines.md", "a*b[1].md"])
def test_any_name_is_a_name(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("text")
    assert found(name) == found(".") == [name]


def test_a_name_that_is_no_text_is_reported_and_the_rest_found(tmp_path: Path) -> None:
    (tmp_path / "good.md").write_text("text")
    (tmp_path / os.fsdecode(b"bad\xff.md")).write_text("text")
    files, (failure,) = find_files([tmp_path])
    assert [Path(file).name for file in files] == ["good.md"]
    assert failure.source.endswith("bad\\xff.md")
    assert (failure.error, failure.hint) == ("its name is not UTF-8", "rename it")


def test_a_path_that_is_too_long_is_reported(tree: Path) -> None:
    files, (failure,) = find_files(["x" * 5000, "docs/a.md"])
    assert len(files) == 1
    assert failure.error.startswith("it cannot be read: ")


def test_a_folder_that_may_not_be_read_is_reported_and_the_rest_found(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scandir = os.scandir

    def refuse(path: str) -> Iterator[os.DirEntry[str]]:  # as to anyone but root
        if str(path).endswith("sub"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    files, (failure,) = find_files([tree])
    assert [Path(file).name for file in files] == ["a.md", "b.txt"]
    assert failure.source == str(tree / "sub")
    assert failure.error == "it cannot be read: Permission denied"


def test_an_empty_folder_is_no_mistake(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert found("empty") == []


@pytest.mark.parametrize(
    ("path", "source", "covered"),
    [
        ("docs", "docs/sub/gone.md", True),
        ("docs/", "docs/gone.md", True),
        ("docs/gone.md", "docs/gone.md", True),
        ("docs/../docs", "docs/gone.md", True),
        ("docs/sub", "docs/gone.md", False),
        ("docs", "docs2/gone.md", False),
        ("docs/*.md", "docs/gone.md", True),
        ("docs/*.md", "docs/gone.txt", False),
        ("docs/*.md", "docs/sub/gone.md", False),
        ("docs/s*", "docs/sub/deep/gone.md", True),
        ("docs/**/*.md", "docs/gone.md", True),
        ("docs/**/*.md", "docs/sub/deep/gone.md", True),
        ("docs/**", "docs/sub/gone.md", True),
        ("docs/**", "other/gone.md", False),
        (".", "docs/gone.md", True),
    ],
)
def test_what_is_gone_is_known_to_belong_to_a_path(
    tree: Path, path: str, source: str, covered: bool
) -> None:
    assert coverage([path])(str(tree.parent / source)) is covered
    assert coverage([tree.parent / path])(str(tree.parent / source)) is covered
    assert coverage(["nowhere", path])(str(tree.parent / source)) is covered


def test_a_folder_whose_name_looks_like_a_glob_is_a_folder(tmp_path: Path) -> None:
    (tmp_path / "docs[1]").mkdir()
    assert coverage(["docs[1]"])(str(tmp_path / "docs[1]" / "gone.md"))
    assert not coverage(["docs[1]"])(str(tmp_path / "docs1" / "other.md"))
