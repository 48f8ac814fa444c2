"""The books of a run know what is where: what they lose, a sync deletes."""

from __future__ import annotations

from hypothesis import example, given, settings
from hypothesis import strategies as st

from app.core.types import Document
from ingestion.books import Key
from ingestion.catalogue import Catalogue


def _key(content: str) -> Key:
    return Key.of("a.md", content, {})


def _document(document_id: str, content: str, at: str, *sources: str) -> Document:
    return Document(
        document_id=document_id,
        title="",
        source=sources[0],
        sources=list(sources),
        content_hash=content,
        chunks=1,
        pages=1,
        tenant="default",
        ingested_at=at,
        signature=content,
    )


def _taken_over(*documents: Document) -> tuple[Catalogue, set[str]]:
    books = Catalogue()
    books.note(documents)
    return books, {e.document_id for _, _, touched in books.take_over() for e in touched}


def _places(books: Catalogue) -> dict[str, list[str]]:
    return {entry.document_id: books.sources_of(entry) for entry in books.entries()}


def test_a_new_version_is_not_forgotten_together_with_the_old_one() -> None:
    books = Catalogue()
    old, _ = books.put("one", _key("old"), ["a.md"])
    new, _ = books.put("one", _key("new"), ["a.md"])

    assert not books.forget(old)

    assert books.with_key(_key("new")) == new
    assert books.with_key(_key("old")) is None
    assert _places(books) == {"one": ["a.md"]}


def test_a_version_never_gets_the_number_of_one_that_is_gone() -> None:
    books = Catalogue()
    gone, _ = books.put("one", _key("old"), ["a.md"])
    assert books.forget(gone)
    books.put("one", _key("new"), ["a.md"])

    assert not books.forget(gone)

    assert _places(books) == {"one": ["a.md"]}


def test_of_a_document_that_comes_twice_the_later_version_counts() -> None:
    versions = [
        _document("one", "new", "2024-02", "b.md", "a.md"),
        _document("one", "old", "2024-01", "a.md"),
        _document("two", "other", "2024-03", "c.md"),
    ]
    for order in (versions, versions[::-1]):
        books, stale = _taken_over(*order)

        assert _places(books) == {"one": ["b.md", "a.md"], "two": ["c.md"]}
        assert books.with_key(_key("old")) is None
        assert not stale


def test_a_document_that_names_a_later_ones_place_is_known_to_be_stale() -> None:
    books, stale = _taken_over(
        _document("new", "n", "2024-02", "a.md"), _document("old", "o", "2024-01", "a.md", "b.md")
    )

    assert stale == {"old"}
    assert _places(books) == {"old": ["b.md"], "new": ["a.md"]}


def test_members_are_those_of_this_very_file() -> None:
    books = Catalogue()
    inside = ["a.zip!/b.md", "a.zip!/deep.zip!/c.md"]
    others = ["a.zip", "a.zip0", "a.zip2!/b.md", "a_zip!/b.md", "A.zip!/b.md", "x/a.zip!/b.md"]
    for number, source in enumerate(inside + others):
        books.put(f"{number}", _key(f"{number}"), [source])

    assert books.members("a.zip") == set(inside)
    assert books.members("a.zip!/deep.zip") == {inside[1]}
    assert books.members("a%") == set()


def test_where_a_container_is_found_twice_its_members_outlive_the_first() -> None:
    books = Catalogue()
    books.put("zip", _key("z"), ["a.zip", "b.zip"])
    books.put("in", _key("i"), ["a.zip!/c.md"])

    touched = {entry.document_id for entry in books.release("a.zip")}

    assert touched == {"zip", "in"}
    assert _places(books) == {"zip": ["b.zip"], "in": ["b.zip!/c.md"]}


def test_an_archive_inside_itself_is_no_endless_matter() -> None:
    books = Catalogue()

    books.put("it", _key("it"), ["r.zip", "r.zip!/r.zip"])
    books.release("r.zip")

    assert _places(books) == {"it": []}


def test_a_version_that_could_not_be_written_leaves_the_old_one_to_count_on() -> None:
    books = Catalogue()
    entry, _ = books.put("one", _key("old"), ["a.md"])

    books.hold("one")
    assert books.with_key(_key("old")) is None

    books.let_go("one")
    assert books.with_key(_key("old")) == entry


def test_an_archive_that_could_not_be_replaced_is_not_counted_on_as_its_members_may_have_been() -> (
    None
):
    books = Catalogue()
    books.put("zip", _key("old"), ["a.zip"], "seal")
    books.put("in", _key("i"), ["a.zip!/c.md"])

    books.outdate("a.zip")
    books.let_go("zip")

    assert books.with_key(_key("old")) is None


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from("wxyz")), max_size=30))
@settings(max_examples=60)
@example([("b", "w"), ("a", "w"), ("b", "x"), ("b", "y"), ("a", "y"), ("b", "x")])
def test_every_place_has_the_content_that_came_last(steps: list[tuple[str, str]]) -> None:
    books, expected = Catalogue(), dict[str, str]()
    for source, content in steps:
        known = books.with_key(_key(content))
        if known:
            books.share(source, known)
        else:
            name = books.id_for(_key(content), [source], lambda name: f"id of {name}")
            books.put(name, _key(content), [source])
        expected[source] = content

    for source, content in expected.items():
        owner = books.with_key(_key(content))
        assert owner
        assert source in books.sources_of(owner)
    assert sorted(books.sources()) == sorted(expected)
    books.close()
