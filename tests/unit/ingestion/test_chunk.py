"""Chunks: no character is lost, none is cut off by the encoder, and each knows its place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.adapters import bundled
from app.core.names import SEPARATOR
from app.core.types import Chunk, Page, ParsedDocument
from ingestion.chunk import Chunker
from ingestion.formats import kinds

SMALL = 48
"""Tokens of a chunk in the random documents, so that few words make many chunks."""
WORDS = st.sampled_from(
    ["leave", "Überstunden", "東京の天気", "휴가규정을", "🏖️", "👩‍👩‍👧‍👦", "𝕬𝖟", "1,200", "café",
     "naïve", "ﷺ", "x" * 3000, "supercalifragilistic" * 6, "e\u0301", "a\u00a0b", "\u2028"]
)  # fmt: skip


@dataclass(frozen=True)
class Made:
    """A document and, for each block of it, (start, heading path, whether it is a heading)."""

    document: ParsedDocument
    blocks: list[tuple[int, tuple[str, ...], bool]]


def sentence(most: int) -> st.SearchStrategy[str]:
    return st.lists(WORDS, min_size=1, max_size=most).map(lambda words: " ".join(["So", *words]))


HEADING = st.tuples(st.integers(1, 6), sentence(4))
BLOCK = st.one_of(
    sentence(60),
    st.lists(sentence(8), min_size=1, max_size=9).map(lambda items: "- " + "\n- ".join(items)),
    st.lists(sentence(8), min_size=1, max_size=4).map(lambda items: "1. " + "\n   - ".join(items)),
    st.lists(sentence(3), min_size=2, max_size=12).map(
        lambda cells: "| A | B |\n| --- | --- |\n" + "\n".join(f"| {c} | 1 |" for c in cells)
    ),
    st.lists(sentence(5), min_size=1, max_size=8).map(
        lambda lines: "```sh\n# not a heading\n" + "\n\n".join(lines) + "\n```"
    ),
    st.sampled_from(["---", "<!-- note -->", "> quoted words\n> go on", "    indented code"]),
)


@st.composite
def documents(draw: st.DrawFn, body: bool = True) -> Made:
    """Random Markdown; without `body`, headings alone."""
    blocks = draw(st.lists(st.one_of(HEADING, BLOCK) if body else HEADING, max_size=12))
    text, starts = "", [0]
    places: list[tuple[int, tuple[str, ...], bool]] = []
    levels: tuple[tuple[int, str], ...] = ()
    for block in blocks:
        if text and draw(st.booleans()):
            starts.append(len(text))
        if is_heading := isinstance(block, tuple):
            level, title = block
            title = " ".join(title.split())  # as a heading is read
            levels = (*(step for step in levels if step[0] < level), (level, title))
            shown = "#" * level + " " + title
        else:
            shown = block
        places.append((len(text), tuple(title for _, title in levels), is_heading))
        text += shown + draw(st.sampled_from(["\n\n", "\n\n\n\n"]))
    paged = text and draw(st.booleans())
    pages = [Page(n, *span) for n, span in enumerate(pairwise([*starts, len(text)]), start=1)]
    title = draw(st.one_of(sentence(3), st.sampled_from(["가나다라마바사 " * 30, "T"])))
    return Made(ParsedDocument("s.md", title[:200], text, pages if paged else ()), places)


@pytest.fixture(scope="module")
def small(tokenizer: Any) -> Chunker:
    return Chunker(tokenizer, chunk_tokens=SMALL, min_tokens=8, max_tokens=bundled.MAX_TOKENS)


@given(made=documents())
def test_joined_the_chunks_are_the_text_so_no_citation_points_beside_it(
    small: Chunker, made: Made
) -> None:
    text = made.document.text
    chunks = small.cut(made.document)

    assert "".join(chunk.text for chunk in chunks) == text
    assert [chunk.ordinal for chunk in chunks] == list(range(len(chunks)))
    assert all(chunk.text and chunk.text == text[chunk.start : chunk.end] for chunk in chunks)


@given(made=documents())
def test_nothing_that_is_embedded_is_longer_than_the_model_reads(
    small: Chunker, chunker: Chunker, tokenizer: Any, made: Made
) -> None:
    for cutter, most in ((small, SMALL), (chunker, 220)):
        chunks = cutter.cut(made.document)
        read = cutter.embedding_texts(made.document, chunks)

        assert all(length <= bundled.MAX_TOKENS for length in _lengths(tokenizer, read))
        assert all(
            length - 2 <= most for length in _lengths(tokenizer, [chunk.text for chunk in chunks])
        )


@given(made=documents())
def test_a_chunk_lies_on_one_page_so_that_its_page_is_true(small: Chunker, made: Made) -> None:
    pages = {page.number: page for page in made.document.pages}
    for chunk in small.cut(made.document):
        if not pages:
            assert chunk.page is None
            continue
        assert chunk.page is not None
        assert pages[chunk.page].start <= chunk.start < chunk.end <= pages[chunk.page].end


@given(made=documents())
def test_a_chunk_stands_under_the_headings_it_names(small: Chunker, made: Made) -> None:
    for chunk in small.cut(made.document):
        named = tuple(chunk.heading.split(SEPARATOR)) if chunk.heading else ()
        within = _blocks_of(chunk, made)
        if named[-1:] == ("A, B",) and made.document.text[within[0][0]] == "|":
            named = named[:-1]  # the columns of the table that it goes on with
        paths = {path for _, path, _ in within}
        if len(paths) == 1:
            assert named == paths.pop()
        for _, path, is_heading in within:
            assert is_heading or path[: len(named)] == named


@given(made=documents(body=False))
def test_a_document_of_headings_alone_is_kept(small: Chunker, made: Made) -> None:
    chunks = small.cut(made.document)
    assert "".join(chunk.text for chunk in chunks) == made.document.text
    assert bool(chunks) == bool(made.document.text)


@settings(max_examples=20)
@given(made=documents())
def test_the_same_text_gives_the_same_chunks(small: Chunker, tokenizer: Any, made: Made) -> None:
    other = Chunker(tokenizer, chunk_tokens=SMALL, min_tokens=8, max_tokens=bundled.MAX_TOKENS)
    assert small.cut(made.document) == other.cut(made.document) == small.cut(made.document)


def test_a_title_in_a_script_of_many_tokens_does_not_push_the_text_out(
    chunker: Chunker, tokenizer: Any
) -> None:
    title = "가나다라마바사 " * 25
    text = f"# {title}\n\n" + "직원은 매년 휴가를 받습니다. " * 40

    document = ParsedDocument("s.md", title, text)
    chunks = chunker.cut(document)

    read = [chunker.embedding_text(document, chunk) for chunk in chunks]
    assert max(_lengths(tokenizer, read)) <= bundled.MAX_TOKENS
    assert all(chunk.text.strip() in passage for chunk, passage in zip(chunks, read, strict=True))


def test_a_small_section_joins_its_neighbour_under_the_heading_they_share(chunker: Chunker) -> None:
    text = "# Leave\n\nAsk first.\n\n## Annual\n\n28 days.\n\n## Sick\n\nCall before nine.\n"
    (chunk,) = chunker.cut(ParsedDocument("s.md", "t", text))
    assert chunk.heading == "Leave"


def test_a_small_section_does_not_join_one_on_the_next_page(chunker: Chunker) -> None:
    text = "# Leave\n\nAsk first.\n\n# Travel\n\nBook early.\n"
    cut = text.index("# Travel")
    pages = [Page(1, 0, cut), Page(2, cut, len(text))]

    chunks = chunker.cut(ParsedDocument("s.pdf", "t", text, pages))

    assert [(chunk.page, chunk.heading) for chunk in chunks] == [(1, "Leave"), (2, "Travel")]


def test_a_heading_alone_names_the_section_that_follows_it(chunker: Chunker) -> None:
    text = "# Leave\n\n## Annual\n\n" + "Full-time employees get 28 days of leave a year. " * 4
    (chunk,) = chunker.cut(ParsedDocument("s.md", "t", text))
    assert chunk.heading == "Leave > Annual"


def test_a_long_section_keeps_its_headings_in_every_part(chunker: Chunker) -> None:
    body = "Full-time employees get 28 days of leave a year. " * 99
    text = f"# Leave\n\n{body[:600]}\n\n## Annual\n\n{body}"
    document = ParsedDocument("s.md", "Handbook", text)
    _, *chunks = chunker.cut(document)

    assert len(chunks) > 3
    assert {chunk.heading for chunk in chunks} == {"Leave > Annual"}
    read = [chunker.embedding_text(document, chunk) for chunk in chunks]
    assert all(passage.startswith("Handbook > Leave > Annual\n") for passage in read)


def test_a_number_sign_in_code_is_no_heading(chunker: Chunker) -> None:
    text = "# Setup\n\n```sh\n# install\nmake\n```\n\nThen open `~~~` and go on.\n"
    assert {chunk.heading for chunk in chunker.cut(ParsedDocument("s.md", "t", text))} == {"Setup"}


def test_a_heading_underlined_with_signs_counts(chunker: Chunker) -> None:
    text = "Annual leave\n============\n\n28 days.\n"
    (chunk,) = chunker.cut(ParsedDocument("s.md", "t", text))
    assert chunk.heading == "Annual leave"


def test_links_and_marks_of_a_heading_are_not_part_of_its_name(chunker: Chunker) -> None:
    text = (
        '# [Manual](#id1)[¶](#manual "Permalink")\n\n## *Annual* [leave][1][¶](#leave "Link")\n\n'
        + "| [Grade](#g) | `days` |\n| --- | --- |\n"
        + "| Junior | 28 |\n" * 200
        + "\n[1]: leave.html\n"
    )
    first, *rest = chunker.cut(ParsedDocument("s.html", "Manual", text))
    assert first.heading == "Manual"
    assert first.text.startswith("# [Manual](#id1)[¶]")
    assert rest[-1].heading == "Manual > Annual leave > Grade, days"


def test_a_sibling_heading_ends_the_path_below_the_one_before(chunker: Chunker) -> None:
    body = "Full-time employees get 28 days of leave a year and ask for it early. " * 3
    text = "".join(f"{head}\n\n{body}\n\n" for head in ("# A", "### A.1", "## A.2", "# B"))
    chunks = chunker.cut(ParsedDocument("s.md", "t", text))
    assert [chunk.heading for chunk in chunks] == ["A", "A > A.1", "A > A.2", "B"]


@pytest.mark.parametrize(
    "text", ["x" * 50_000, "🏖️" * 4_000, "word " * 9_000, "| a " * 4_000, "\n" * 3_000 + "end"]
)
def test_text_without_any_structure_is_cut_too(chunker: Chunker, tokenizer: Any, text: str) -> None:
    document = ParsedDocument("s.txt", "t", text)
    chunks = chunker.cut(document)
    assert "".join(chunk.text for chunk in chunks) == text
    read = [chunker.embedding_text(document, chunk) for chunk in chunks]
    assert max(_lengths(tokenizer, read)) <= bundled.MAX_TOKENS


def test_a_table_with_long_column_names_is_not_pushed_out_by_them(
    chunker: Chunker, tokenizer: Any
) -> None:
    columns = " | ".join(f"Column of the table number {n}" for n in range(6))
    ruler = " | ".join(["---"] * 6)
    rows = "\n".join(f"| {n} " + "| 28 days a year " * 5 + "|" for n in range(60))
    text = f"| {columns} |\n| {ruler} |\n{rows}\n"

    document = ParsedDocument("s.md", "Leave by country", text)
    chunks = chunker.cut(document)

    read = [chunker.embedding_text(document, chunk) for chunk in chunks]
    assert max(_lengths(tokenizer, read)) <= bundled.MAX_TOKENS
    assert all(chunk.text.strip() in passage for chunk, passage in zip(chunks, read, strict=True))


KINDS = [
    "text/plain", "text/markdown", "text/csv", kinds.SOURCE_CODE, kinds.MAIL, kinds.PDF,
    kinds.SLIDES[0], kinds.SHEETS[0],
]  # fmt: skip
PIECES = st.sampled_from(
    ["\n", "\r", "| a | b |\n", "| --- | --- |\n", "```py\n", "def f():\n    pass\n", "# H\n",
     "- x ", "On Monday Ann Lee wrote:\n", "From: a\nSent: b\n", "> ", "\t", "\x85", "\u2028",
     "word " * 30]
)  # fmt: skip


@given(
    text=st.lists(st.text(max_size=20) | PIECES, max_size=40).map("".join),
    kind=st.sampled_from(KINDS),
    data=st.data(),
)
def test_any_text_of_any_kind_with_any_pages_is_tiled(
    small: Chunker, text: str, kind: str, data: st.DataObject
) -> None:
    cuts = data.draw(st.sets(st.integers(1, len(text) - 1), max_size=4)) if len(text) > 1 else set()
    spans = list(pairwise([0, *sorted(cuts), len(text)])) if text else []
    pages = [Page(n, *span) for n, span in enumerate(spans, start=1)]
    chunks = small.cut(ParsedDocument("s", "t", text, pages, kind))
    assert "".join(chunk.text for chunk in chunks) == text
    assert all(c.text == text[c.start : c.end] and c.text for c in chunks)


ROW = st.lists(sentence(3), min_size=2, max_size=2).map(lambda cells: f"| {' | '.join(cells)} |")


@given(rows=st.lists(ROW, min_size=2, max_size=60), intro=st.sampled_from(["", "Rates.\n\n"]))
def test_a_row_is_cut_only_if_it_is_too_long_alone(
    small: Chunker, tokenizer: Any, rows: list[str], intro: str
) -> None:
    text = f"{intro}| Country | Days |\n| --- | --- |\n" + "".join(f"{row}\n" for row in rows)
    chunks = small.cut(ParsedDocument("s.csv", "t", text, (), "text/csv"))
    longest = 0
    for chunk in chunks[1:]:
        before = text[: chunk.start].rsplit("\n", 1)[-1]
        row = before + text[chunk.start :].split("\n", 1)[0]
        longest = max(longest, *_lengths(tokenizer, [row])) if before else longest
        if before:
            assert _lengths(tokenizer, [row])[0] > SMALL // 2
        else:
            assert chunk.heading == "Country, Days"


def test_a_table_that_fits_is_kept_whole(chunker: Chunker) -> None:
    before = "Full-time employees get 28 days of leave a year. " * 14
    table = "| Country | Days |\n| --- | --- |\n" + "| Germany | 28 days a year |\n" * 9
    chunks = chunker.cut(ParsedDocument("s.md", "t", f"{before}\n\n{table}"))
    assert [chunk.text.count("Germany") for chunk in chunks] == [0, 9]


def test_every_part_of_a_big_table_is_read_with_the_names_of_its_columns(
    chunker: Chunker, tokenizer: Any
) -> None:
    rows = "".join(f"| Pump {n} | {n * 7} EUR | Graz |\n" for n in range(300))
    text = f"## Prices\n\n| Article | Price | Town |\n| --- | --- | --- |\n{rows}"
    document = ParsedDocument("s.xlsx", "Catalogue", text, (), kinds.SHEETS[0])
    chunks = chunker.cut(document)
    read = chunker.embedding_texts(document, chunks)
    head = "Catalogue > Prices > Article, Price, Town\n| Pump"
    assert len(read) > 5 and all(passage.startswith(head) for passage in read[1:])
    assert all(chunk.text.endswith(" |\n") for chunk in chunks)
    assert max(_lengths(tokenizer, read)) <= bundled.MAX_TOKENS


def test_a_sheet_is_a_chunk_of_its_own_however_small(chunker: Chunker) -> None:
    text = "## A\n\n| x |\n| --- |\n| 1 |\n\n## B\n\n| y |\n| --- |\n| 2 |\n"
    sheets = chunker.cut(ParsedDocument("s.xlsx", "t", text, (), kinds.SHEETS[0]))
    assert [chunk.heading for chunk in sheets] == ["A", "B"]
    (joined,) = chunker.cut(ParsedDocument("s.md", "t", text))
    assert joined.heading == ""


def test_a_slide_is_a_chunk_and_without_a_title_it_has_not_that_of_the_one_before(
    chunker: Chunker,
) -> None:
    slides = ["## Leave\n\n28 days.\n\n", "A picture.\n\n", "## Travel\n\nBook early.\n\n"]
    starts = [sum(map(len, slides[:n])) for n in range(4)]
    pages = [Page(n, *span) for n, span in enumerate(pairwise(starts), start=1)]
    chunks = chunker.cut(ParsedDocument("s.pptx", "t", "".join(slides), pages, kinds.SLIDES[0]))
    assert [(chunk.page, chunk.heading) for chunk in chunks] == [
        (1, "Leave"), (2, ""), (3, "Travel"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("quoted", "heading"),
    [
        ("On Mon, 3 Mar 2025 at 10:00, Bob Ray <bob@example.com> wrote:\n> Is it 28?\n",
         "On Mon, 3 Mar 2025 at 10:00, Bob Ray <bob@example.com> wrote"),
        ("On Mon, 3 Mar 2025 at 10:00, Bob Ray\n<bob@example.com> wrote:\n\n> Is it 28?\n",
         "On Mon, 3 Mar 2025 at 10:00, Bob Ray <bob@example.com> wrote"),
        ("> Am 3.3.2025 um 10:00 schrieb Bob Ray:\n>> Is it 28?\n",
         "Am 3.3.2025 um 10:00 schrieb Bob Ray"),
        ("-----Original Message-----\nFrom: Bob Ray\nSent: 3 March 2025\nTo: Ann\n\nIs it 28?\n",
         "From: Bob Ray, Sent: 3 March 2025"),
        ("**Von:** Bob Ray\n**Gesendet:** 3. März 2025\n\nIs it 28?\n",
         "Von: Bob Ray, Gesendet: 3. März 2025"),
    ],
)  # fmt: skip
def test_an_earlier_message_of_a_thread_is_a_chunk_of_its_own(
    chunker: Chunker, quoted: str, heading: str
) -> None:
    text = f"# Leave\n\n- From: Ann\n- Date: today\n\nYes, it is.\n\n{quoted}"
    mail = chunker.cut(ParsedDocument("s.eml", "Leave", text, (), kinds.MAIL))
    assert [chunk.heading for chunk in mail] == ["Leave", f"Leave > {heading}"]
    assert mail[1].text == quoted


def test_the_title_is_read_once_where_the_first_heading_repeats_it(chunker: Chunker) -> None:
    text = "# Leave\n\n## Annual\n\n" + "Full-time employees get 28 days of leave a year. " * 4
    document = ParsedDocument("s.md", "Leave", text)
    (read,) = chunker.embedding_texts(document, chunker.cut(document))
    assert read.startswith("Leave > Annual\n#")


def test_no_text_makes_no_chunks(chunker: Chunker) -> None:
    assert chunker.cut(ParsedDocument("s.txt", "t", "")) == []


def test_another_size_is_another_name_so_that_the_index_notices(tokenizer: Any) -> None:
    names = {
        Chunker(tokenizer, chunk_tokens=size, min_tokens=least, max_tokens=256).name
        for size, least in ((220, 24), (200, 24), (220, 0))
    }
    assert len(names) == 3


def _lengths(tokenizer: Any, texts: Sequence[str]) -> list[int]:
    """Tokens as the model counts them, its own marks at both ends included."""
    return [len(encoding.ids) for encoding in tokenizer.encode_batch_fast(list(texts))]


def _blocks_of(chunk: Chunk, made: Made) -> list[tuple[int, tuple[str, ...], bool]]:
    ends = [start for start, _, _ in made.blocks[1:]] + [len(made.document.text)]
    return [
        block
        for block, end in zip(made.blocks, ends, strict=True)
        if block[0] < chunk.end and end > chunk.start
    ]
