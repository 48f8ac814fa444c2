"""Files to canonical text: every word of them, on the right page, under the right title."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from app.core.errors import PermanentError
from app.core.types import ParsedDocument
from ingestion.parse import parse, read_file
from tests.support.paths import HANDBOOK, SHARED
from tests.unit.ingestion import made

REAL = SHARED / "data" / "docs_formats" / "files"
PAGES = [
    ["Annual leave", "Full-time employees get 28 days."],
    ["Travel", "Flights are booked early."],
    ["Laptops (new)", "Report theft within one hour."],
]
Read = Callable[[str, bytes], ParsedDocument]


@pytest.fixture
def read() -> Read:
    """Parse bytes under a file name."""
    return lambda name, data: parse(data, f"/share/{name}")


def of_file(file: Path) -> ParsedDocument:
    return parse(file.read_bytes(), str(file))


def of_handbook(name: str) -> ParsedDocument:
    return of_file(HANDBOOK / name)


def page_of(document: ParsedDocument, sentence: str) -> int:
    place = document.text.index(sentence)
    (number,) = [page.number for page in document.pages if page.start <= place < page.end]
    return number


# Pages


def test_a_sentence_of_a_pdf_is_cited_with_its_page(read: Read) -> None:
    document = read("a.pdf", made.pdf(PAGES))
    assert [page_of(document, lines[1]) for lines in PAGES] == [1, 2, 3]


@pytest.mark.parametrize(
    ("name", "sentence", "page"),
    [
        ("dp40-product-manual.pdf", "Mount the pump upright on a firm base", 1),
        ("dp40-product-manual.pdf", "tighten the four head screws crosswise to 4.5 Nm", 2),
        ("dp40-product-manual.pdf", "The period becomes 36 months", 3),
        ("service-level-agreement.pdf", "the second Sunday of a month between 02:00 and 06:00", 1),
        ("service-level-agreement.pdf", "Liability for slight negligence", 2),
        ("all-hands-q3-2025.pptx", "Customer survey: 8.3 out of 10", 5),
        ("all-hands-q3-2025.pptx", "Next all-hands meeting: 22 January 2026", 10),
    ],
)
def test_a_sentence_of_the_handbook_is_cited_with_its_page(
    name: str, sentence: str, page: int
) -> None:
    assert page_of(of_handbook(name), sentence) == page


def test_the_last_line_of_a_page_is_not_taken_for_a_footer() -> None:
    text = of_handbook("service-level-agreement.pdf").text
    assert "jurisdiction is Zutphen" in text


@pytest.mark.parametrize("file", sorted(HANDBOOK.iterdir()), ids=lambda file: file.name)
def test_pages_tile_the_text_and_no_mark_of_theirs_is_left(file: Path) -> None:
    document = of_file(file)
    if document.pages:
        starts = [page.start for page in document.pages]
        assert starts == [0, *(page.end for page in document.pages[:-1])]
        assert document.pages[-1].end == len(document.text)
    assert not any("\ue000" <= character <= "\uf8ff" for character in document.text)
    assert "\r" not in document.text and "\x00" not in document.text


def test_a_slide_of_one_picture_does_not_shift_the_numbers_of_the_others(read: Read) -> None:
    deck = made.emptied_first_slide(HANDBOOK / "all-hands-q3-2025.pptx")
    document = read("deck.pptx", deck)
    assert page_of(document, "What we will talk about") == 2
    assert page_of(document, "Customer survey: 8.3 out of 10") == 5


def test_the_table_of_a_slide_does_not_run_over_to_the_next() -> None:
    document = of_handbook("all-hands-q3-2025.pptx")
    slides = [document.text[page.start : page.end] for page in document.pages]
    assert slides[2].endswith("| Accidents with lost time | 3 | 1 | 0 |\n\n")
    assert slides[3].startswith("## Behind the figures")


def test_a_form_filled_in_again_on_every_page_keeps_its_lines(read: Read) -> None:
    forms = [
        ["Acme Repairs", f"Customer {name}", "Parts 100", "Labour 50", f"Total {n}50", "Thank you"]
        for n, name in enumerate(["Ann", "Bob", "Cem"], start=1)
    ]
    text = read("forms.pdf", made.pdf(forms)).text
    assert text.count("Parts 100") == text.count("Labour 50") == 3
    assert "Total 150" in text and "Total 350" in text


# Titles


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("leave-and-working-time.md", "Leave and working time"),
        ("code-of-conduct.html", "Code of Conduct - Ostrevane Dosing Systems"),
        ("dp40-product-manual.pdf", "DP40 Diaphragm Dosing Pump: Product Manual"),
        ("travel-and-expenses.docx", "Travel and Expenses"),
        ("all-hands-q3-2025.pptx", "All-hands meeting, third quarter 2025"),
        ("equipment-catalogue.xlsx", "Equipment catalogue and price list"),
        ("procurement-limits-2026.eml", "New procurement limits from 1 January 2026"),
        ("office-locations.csv", "office-locations"),
    ],
)
def test_a_document_is_called_what_its_author_called_it(name: str, title: str) -> None:
    assert of_handbook(name).title == title


@pytest.mark.parametrize(
    ("name", "data", "title"),
    [
        ("a.pdf", made.pdf(PAGES, title="Staff handbook"), "Staff handbook"),
        ("scan-7.pdf", made.pdf(PAGES, title="Untitled spreadsheet"), "scan-7"),
        ("Nord 2018.pdf", made.pdf(PAGES, title="0000320187-18-000142"), "Nord 2018"),
        ("a.md", b"Intro.\n\n## **Annual** leave ##\n\n28 days.\n", "Annual leave"),
        ("b.md", b"---\ntitle: 'Annual leave'\n---\n\n# Other\n\n28 days.\n", "Annual leave"),
        ("notes.txt", b"Leave is 28 days.\n", "notes"),
        ("tool.py", b"# Not a title\nprint(28)\n", "tool.py"),
        ("a.html", b"<title>R&amp;D\n leave</title><p>28 days.</p>", "R&D leave"),
        ("c.html", b'<h1><a href="#l">Leave</a><a href="#m">&para;</a></h1>Ask.', "Leave"),
        ("b.html", b"<h1>Annual leave</h1><p>28 days.</p>", "Annual leave"),
        ("a.docx", made.docx("Leave is 28 days."), "a"),
        ("a.eml", b"Subject: =?utf-8?q?Urlaub_=C3=BC?=\n\n28 days.\n", "Urlaub ü"),
        ("b.eml", b"From: ann@example.com\n\n28 days.\n", "b"),
    ],
)
def test_each_format_has_its_title_or_the_file_s_name(
    read: Read, name: str, data: bytes, title: str
) -> None:
    assert read(name, data).title == title


def test_a_title_is_one_line_of_bearable_length(read: Read) -> None:
    title = read("a.md", b"# " + b"very long \t " * 90 + b"\n\n28 days.\n").title
    assert len(title) <= 200 and "\t" not in title


# What a reader would see


def test_metadata_of_a_web_page_are_not_its_first_heading(read: Read) -> None:
    head = b'<head><meta name="author" content="Ann"><title>T</title><link rel="x" href="y"></head>'
    page = b"<html>" + head + b"<body><hr><p>28 days.</p><hr><p>Ask first.</p></body></html>"
    assert read("a.html", page).text == "---\n\n28 days.\n\n---\n\nAsk first.\n"
    assert of_handbook("data-protection-and-retention.html").text.startswith("Ostrevane Dosing")


def test_front_matter_is_left_out_but_text_between_rules_is_not(read: Read) -> None:
    fields = b"---\ntitle: Leave\ntags: [a, b]\ndate: 2025-13-45\n---\n"
    assert read("a.md", fields.replace(b"date: 2025-13-45\n", b"") + b"\n28 days.\n").text == (
        "28 days.\n"
    )
    text = "---\n\nAsk your manager first.\n\n---\n\n28 days.\n"
    assert read("b.md", text.encode()).text == text


def test_escapes_are_read_as_what_they_stand_for_except_in_code(read: Read) -> None:
    text = read(
        "a.md",
        rb"""1\. Use \# and \*.

```sh
grep '\.txt$' \$HOME
```

Write `\.` for a full stop in C:\temp.
""",
    ).text
    assert (
        text
        == r"""1. Use # and *.

```sh
grep '\.txt$' \$HOME
```

Write `\.` for a full stop in C:\temp.
"""
    )
    assert read("a.html", b"<p>1. a_b * # [x] &lt;y&gt; R&amp;D</p>").text == (
        "1. a_b * # [x] <y> R&D\n"
    )


def test_markdown_keeps_every_word_and_place_of_its_author(read: Read) -> None:
    text = """# Tasks

Intro line one
wrapped line two.

<details><summary>Click</summary>hidden</details>

- [ ] task one
- [x] task two
  - nested

2. second

   para in second

<table><tr><td>cell one</td></tr></table>
"""
    assert read("a.md", text.encode()).text == text


def test_a_table_without_outer_pipes_is_still_a_table(read: Read) -> None:
    table = b"Rates:\n\nName | Price\n---|---:\nBed | 5\nChair | 3\n\nPer night | or not.\n"
    assert read("a.md", table).text == (
        "Rates:\n\n| Name | Price |\n| ---|---: |\n| Bed | 5 |\n| Chair | 3 |\n"
        "\nPer night | or not.\n"
    )


def test_angle_brackets_and_ampersands_of_a_word_file_are_not_dropped(read: Read) -> None:
    words = 'R&D: use List<String> if x < 5 & y > 3, said "Ann\'s" office.'
    assert read("a.docx", made.docx(words)).text == f"{words}\n"


def test_angle_brackets_and_ampersands_of_xml_are_not_dropped(read: Read) -> None:
    assert "R&D 1 < 2 €" in read("a.xml", b"<r><a>R&amp;D 1 &lt; 2 &#8364;</a></r>").text


def test_source_code_is_read_without_a_download_and_as_code(read: Read) -> None:
    code = "# install\ndef f(x):\n    return r'\\.txt', '```'\n"
    document = read("tool.py", code.encode())
    assert document.text == f"````py\n{code}````\n"


def test_a_mail_keeps_its_lines_and_who_wrote_it(read: Read) -> None:
    text = read(
        "a.eml",
        b"From: Ann <ann@example.com>\nTo: bob@example.com\nSubject: Leave\n"
        b"Content-Type: text/html; charset=iso-8859-1\n\n"
        b"<title>x</title><p>28 days \xfcber Ostern.</p><ul><li>Ask first</ul>\n",
    ).text
    assert "- From: Ann <ann@example.com>" in text
    assert "28 days über Ostern.\n\n- Ask first" in text


def test_a_picture_is_its_description(read: Read) -> None:
    assert read("a.html", b'<p>See <img src="a_(1).png" alt="the chart">.</p>').text == (
        "See the chart.\n"
    )
    embedded = b"See ![the chart](data:image/png;base64,AAAA).\n"
    assert read("a.md", embedded).text == "See the chart.\n"


# Encodings

SAID = "Das Café kostet 3 € – natürlich „günstig“.\n"
ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-32", "cp1252"]
MARKED = {
    "utf-16-be": b"\xfe\xff",
    "utf-16-le": b"\xff\xfe",
    "utf-32-be": b"\x00\x00\xfe\xff",
}


@pytest.mark.parametrize("name", ["a.txt", "a.md", "a.html", "a.csv"])
@pytest.mark.parametrize("encoding", [*ENCODINGS, *MARKED])
def test_umlauts_are_umlauts_whatever_program_saved_the_text(
    read: Read, name: str, encoding: str
) -> None:
    shown = {"a.html": f"<p>{SAID}</p>", "a.csv": f"Satz\n{SAID}"}.get(name, SAID)
    data = MARKED.get(encoding, b"") + shown.replace("\n", "\r\n").encode(encoding)
    text = read(name, data).text
    assert SAID.strip() in text
    assert "\ufeff" not in text


def test_latin_1_is_read(read: Read) -> None:
    assert read("a.txt", "Größe, déjà vu\n".encode("latin-1")).text == "Größe, déjà vu\n"


def test_a_web_page_may_say_its_encoding(read: Read) -> None:
    page = '<meta charset="shift_jis"><title>東京</title><p>日本語の文章です。</p>'
    document = read("a.html", page.encode("shift_jis"))
    assert (document.title, document.text) == ("東京", "日本語の文章です。\n")


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "shift_jis"])
def test_an_encoding_that_nothing_tells_is_refused_not_garbled(read: Read, encoding: str) -> None:
    with pytest.raises(PermanentError, match="no text in a known encoding; save it as UTF-8"):
        read("a.txt", "日本語の文章です。 Plain words. 東京の天気は晴れです。".encode(encoding))


def test_utf_8_that_was_encoded_twice_is_read_as_it_was_meant(read: Read) -> None:
    twice = "1986–1990 „günstig“".encode().decode("latin-1").encode()
    assert read("a.txt", twice).text == "1986–1990 „günstig“"


# Formats


@pytest.mark.parametrize(
    ("name", "data"),
    [("README", b"28 days\n"), ("notes.xyz", b"28 days\n"),
     ("plan", made.pdf(PAGES)), ("NOTES.TXT", b"28 days"), ("a.adoc", b"28 days\n"),
     ("mail.eml!/sub/README", b"28 days")],
)  # fmt: skip
def test_a_file_whose_name_says_nothing_is_read_by_what_is_in_it(
    read: Read, name: str, data: bytes
) -> None:
    document = read(name, data)
    assert "28 days" in document.text and "```" not in document.text
    assert document.source == f"/share/{name}"


def test_a_file_that_is_empty_or_too_large_is_not_read(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_bytes(b"x" * 2_000_000)
    with pytest.raises(PermanentError, match=r"2 MB; raise ingestion\.max_file_mb, or split it"):
        read_file(file, 1_999_999)
    assert len(read_file(file, 2_000_000)) == 2_000_000
    file.write_bytes(b"")
    with pytest.raises(PermanentError, match="empty"):
        read_file(file, 1)


# Refusals


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("a.txt", b"", "empty"),
        ("a.pdf", b"", "empty"),
        ("a.txt", b" \n\t\n", "no text"),
        ("a.py", b" \n", "no text"),
        ("a.html", b"<html><body></body></html>", "no text"),
        ("a.pdf", made.pdf([[], []]), "no text was found in it; if it is a scan"),
        ("a.eml", b"Subject: Leave\n\n", "no text"),
        ("a.pdf", made.pdf(PAGES, encrypted=True), "password; save it without one"),
        ("a.docx", bytes.fromhex("d0cf11e0a1b11ae1") + bytes(3000), "password"),
        ("a.eml", b"Content-Type: multipart/encrypted\n\nhQEMA\n", "password"),
        ("a.pdf", made.pdf(PAGES)[:300], "damaged, or not what its name says"),
        ("a.docx", made.docx("28 days.")[:400], "damaged"),
        ("a.xlsx", b"PK\x03\x04 broken", "damaged"),
        ("a.pptx", b"not a presentation", "damaged"),
        ("a.docx", made.pdf(PAGES), "damaged"),
        ("a.eml", bytes(range(256)) * 4, "damaged"),
        ("a.csv", bytes(range(256)) * 4, "damaged"),
        ("a.json", b"{not json", "damaged"),
        ("a.txt", made.pdf(PAGES), "no text in a known encoding"),
        ("a.txt", bytes(range(256)) * 4, "no text in a known encoding"),
        ("a.md", bytes(range(256)) * 4, "no text in a known encoding"),
        ("a.html", bytes(range(256)) * 4, "no text in a known encoding"),
        ("a.xyz", bytes(99), "format is unknown; save it as PDF, Office, HTML or text"),
        ("film.mp4", bytes(range(256)), "format is unknown"),
        ("README", bytes(range(256)), "format is unknown"),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_reason(
    read: Read, name: str, data: bytes, reason: str
) -> None:
    with pytest.raises(PermanentError) as refused:
        read(name, data)
    assert reason in str(refused.value)


REFUSED = {
    "unst_empty.txt": "the file is empty",
    "unst_fake-encrypted.eml": "protected by a password",
    "unst_fake-text-all-whitespace.txt": "no text was found in it",
    "unst_loremipsum-flat.pdf": "no text was found in it; if it is a scan",
    "unst_password.pdf": "protected by a password",
}
MOJIBAKE = re.compile("[\x80-\x9f\ufffd\ue000-\uf8ff]|Ã[\x80-\xbf]|â€")
"""What readers see of text in another encoding, and marks of our own."""


@pytest.mark.skipif(not REAL.is_dir(), reason="the folder ../shared/data is not here")
def test_every_file_from_outside_is_read_or_refused_with_the_reason() -> None:
    files = sorted(REAL.iterdir())
    assert len(files) == 56 and REFUSED.keys() < {file.name for file in files}
    for file in files:
        if reason := REFUSED.get(file.name):
            with pytest.raises(PermanentError) as refused:
                of_file(file)
            assert reason in str(refused.value) and refused.value.hint
            continue
        document = of_file(file)
        assert document.title and document.text.strip()
        assert not MOJIBAKE.search(document.text), file.name
        assert not document.pages or document.pages[-1].end == len(document.text)


@pytest.mark.skipif(not REAL.is_dir(), reason="the folder ../shared/data is not here")
@pytest.mark.parametrize(
    ("name", "said", "page"),
    [
        ("unst_fake-text-utf-32.txt", "This is a test document to use for unit tests.", None),
        ("unst_umlauts-non-utf8.md", "äöüß", None),
        ("mkd_test_mskanji.csv", "| 佐藤太郎 | 30 | 東京 |", None),
        ("mkd_REPAIR-2022-INV-001_multipage.pdf", "Insured name Bruce Wayne", 2),
        ("unst_teams_chat.docx", "0:0:0.0 --> 0:0:1.510", None),
        ("unst_simple-table.md", "| Juicy Apples |", None),
        ("docl_normal_4pages.pdf", "02-788-4582", 1),
        ("unst_example-10k.html", "SECURITIES AND EXCHANGE COMMISSION", None),
        ("docl_legacy_sample.doc", "Swimming in the lake", None),
        ("docl_legacy_sample.doc", "| Leaves | Ash, Elm, Maple | 50 |", None),
        ("docl_odf_table_with_title_01.ods", "per year\n\n| Year | Freshwater Ducks |", None),
        ("docl_pptx_chart.pptx", "| 2022 | 175 | 130 |", 1),
        ("mkd_equations.docx", "For m=1,", None),
        ("mkd_test_files.zip", "- test_wikipedia.html", None),
        ("mkd_test_outlook_msg.msg", "Test Email Message", None),
        ("mkd_test_with_comment.docx", "Unknown Author: This is a test comment.", None),
        ("unst_docx-hdrftr.docx", "First header para", None),
        ("unst_email-with-image.eml", "Attachments: unstructured_logo.png", None),
        ("unst_fake-email-attachment.msg", "- Lots of whitespace\n", None),
        ("unst_fake-email-malformed-encoding.eml", "Roses are red", None),
        ("unst_handbook-872p.docx", "ADMINISTRATION OF CHAPTER 13 CASES", None),
        ("unst_norwich-city.txt", "1986–1990 Watford 63 (9)", None),
        ("unst_rotated-page-90.pdf", "Second line of text here", 1),
        ("unst_semicolon-delimited.csv", "| Lorem, ipsum |", None),
        ("unst_stanley-cups.xlsx", "| Team | Location | Stanley Cups |", None),
        ("docl_odf_table_with_title_01.ods", "Number of freshwater ducks", None),
        ("unst_fake-doc.rtf", "My first paragraph.", None),
    ],
)
def test_files_from_outside_are_read(name: str, said: str, page: int | None) -> None:
    document = of_file(REAL / name)
    assert said in document.text
    if page:
        assert page_of(document, said) == page
