"""What kreuzberg 4.10 leaves out of Office files: charts, comments, headers and footers."""

from __future__ import annotations

import io
import posixpath
import re
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from xml.etree import ElementTree as ET  # its expat bounds the growth of entities

from app.core.types import Page
from ingestion.formats import kinds

_MOST_BYTES = 50_000_000  # of one unpacked part
_SPACES = {
    "a": "http://schemas.openxmlformats.org/drawingml/2006/main",
    "c": "http://schemas.openxmlformats.org/drawingml/2006/chart",
    "p": "http://schemas.openxmlformats.org/presentationml/2006/main",
    "w": "http://schemas.openxmlformats.org/wordprocessingml/2006/main",
}
_ID = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
_AUTHOR = f"{{{_SPACES['w']}}}author"
_MARGIN = re.compile(r"word/(?:header|footer)\d*\.xml")
_WORD_CHART = re.compile(r"word/charts/chart\d*\.xml")
_PAGE_NUMBER = re.compile(
    r" ?\b(?:Page|Seite|Pagina|Página|Sida|Side)\b[\s\d|/–—-]*(?:\b(?:of|von|de|van)\b[\s\d]*)?$",
    re.IGNORECASE,
)
_LETTER = re.compile(r"[^\W\d_]")
_TEXT = f"{{{_SPACES['w']}}}t"
_GAPS = frozenset({f"{{{_SPACES['w']}}}tab", f"{{{_SPACES['w']}}}br"})
_DAMAGE = (zipfile.BadZipFile, zlib.error, ET.ParseError, OSError, EOFError, RuntimeError, KeyError)


def completed(
    text: str, pages: Sequence[Page], data: bytes, kind: str
) -> tuple[str, Sequence[Page]]:
    """Text and pages of an Office file with what was left out; others as they are.

    A slide's charts stand at its end as tables. A Word file ends with its charts, its
    comments, and what its headers and footers say.
    """
    is_word, is_slides = kind.startswith(kinds.WORD), kind.startswith(kinds.SLIDES)
    if not (is_word or is_slides) or not zipfile.is_zipfile(io.BytesIO(data)):
        return text, pages
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as parts:
            if is_slides:
                return _with_charts(text, pages, parts)
            found = [*_word_charts(parts), *_comments(parts), *_margins(parts, text)]
    except _DAMAGE:  # of a part that the text does not come from
        return text, pages
    return "\n\n".join([text.rstrip("\n"), *found]).lstrip("\n") + "\n", pages


def _with_charts(
    text: str, pages: Sequence[Page], parts: zipfile.ZipFile
) -> tuple[str, Sequence[Page]]:
    charts = dict(_slide_charts(parts))
    if not charts:
        return text, pages
    slides = {page.number: text[page.start : page.end] for page in pages}
    whole, numbered = "", []
    for number in sorted({*slides, *charts}):
        start = len(whole)
        body = [slides.get(number, "").strip(), *charts.get(number, ())]
        whole += "\n\n".join(filter(None, body)) + "\n\n"
        numbered.append(Page(number, start, len(whole)))
    return whole, numbered


def _slide_charts(parts: zipfile.ZipFile) -> Iterator[tuple[int, list[str]]]:
    """(number of the slide, its charts), in the order in which the slides are shown."""
    main = "ppt/presentation.xml"
    targets = _targets(parts, main)
    shown = _xml(parts, main).iterfind(".//p:sldId", _SPACES)
    for number, slide in enumerate(shown, start=1):
        name = targets.get(slide.get(_ID, ""), "")
        inside = _targets(parts, name) if name else {}
        charts = [_chart(_xml(parts, part)) for part in inside.values() if "/charts/" in part]
        if any(charts):
            yield number, [chart for chart in charts if chart]


def _word_charts(parts: zipfile.ZipFile) -> list[str]:
    names = [name for name in parts.namelist() if _WORD_CHART.fullmatch(name)]
    return [chart for name in sorted(names) if (chart := _chart(_xml(parts, name)))]


def _chart(chart: ET.Element) -> str:
    """The figures behind a chart as a table, below its title."""
    columns: list[tuple[str, dict[int, str]]] = []
    labels: dict[int, str] = {}
    for series in chart.iterfind(".//c:ser", _SPACES):
        name = " ".join(v.text or "" for v in series.iterfind("c:tx//c:v", _SPACES))
        labels |= _points(series, "c:cat", "c:xVal")
        columns.append((name, _points(series, "c:val", "c:yVal")))
    rows = sorted({place for _, values in columns for place in values})
    if not rows:
        return ""
    title = "".join(t.text or "" for t in chart.iterfind("c:chart/c:title//a:t", _SPACES))
    grid = [["", *(name for name, _ in columns)], ["---"] * (len(columns) + 1)]
    grid += [[labels.get(n, str(n + 1)), *(v.get(n, "") for _, v in columns)] for n in rows]
    table = "\n".join(f"| {' | '.join(map(_cell, row))} |" for row in grid)
    return f"{' '.join(title.split())}\n\n{table}".strip()


def _points(series: ET.Element, *tags: str) -> dict[int, str]:
    found = (point for tag in tags for point in series.iterfind(f"{tag}//c:pt", _SPACES))
    return {int(p.get("idx", "0")): p.findtext("c:v", "", _SPACES) for p in found}


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


def _comments(parts: zipfile.ZipFile) -> list[str]:
    if "word/comments.xml" not in parts.namelist():
        return []
    said = [
        f"- {comment.get(_AUTHOR) or 'Comment'}: {' '.join(_paragraphs(comment))}"
        for comment in _xml(parts, "word/comments.xml").iterfind("w:comment", _SPACES)
        if _paragraphs(comment)
    ]
    return ["## Comments", "\n".join(said)] if said else []


def _margins(parts: zipfile.ZipFile, text: str) -> list[str]:
    """What headers and footers say, each line once, without page numbers."""
    names = sorted(name for name in parts.namelist() if _MARGIN.fullmatch(name))
    lines = (line for name in names for line in _paragraphs(_xml(parts, name)))
    said = dict.fromkeys(_PAGE_NUMBER.sub("", line) for line in lines)
    kept = [line for line in said if _LETTER.search(line) and line not in text]
    return ["## Headers and footers", "\n\n".join(kept)] if kept else []


def _paragraphs(part: ET.Element) -> list[str]:
    lines = [
        " ".join("".join(_said(node) for node in paragraph.iter()).split())
        for paragraph in part.iterfind(".//w:p", _SPACES)
    ]
    return [line for line in lines if line]


def _said(node: ET.Element) -> str:
    return (node.text or "") if node.tag == _TEXT else " " if node.tag in _GAPS else ""


def _targets(parts: zipfile.ZipFile, name: str) -> dict[str, str]:
    """What a part refers to, by the ids that it uses."""
    folder, base = posixpath.split(name)
    try:
        root = _xml(parts, f"{folder}/_rels/{base}.rels")
    except KeyError:
        return {}
    places = {link.get("Id", ""): link.get("Target", "") for link in root}
    return {
        key: posixpath.normpath(posixpath.join("/" + folder, place))[1:]
        for key, place in places.items()
    }


def _xml(parts: zipfile.ZipFile, name: str) -> ET.Element:
    if parts.getinfo(name).file_size > _MOST_BYTES:
        raise KeyError(name)
    return ET.fromstring(parts.read(name))  # noqa: S314
