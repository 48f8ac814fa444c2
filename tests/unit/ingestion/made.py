"""Small files of several formats, made by hand."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from xml.sax.saxutils import escape

MATH = "http://schemas.openxmlformats.org/officeDocument/2006/math"
WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"


def pdf(pages: Sequence[Sequence[str]], *, title: str = "", encrypted: bool = False) -> bytes:
    """A PDF whose pages show lines of ASCII in Helvetica, from the top down.

    An encrypted one names a user password that nobody knows.
    """
    kids = " ".join(f"{4 + 2 * n} 0 R" for n in range(len(pages)))
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        f"<</Type/Pages/Kids[{kids}]/Count {len(pages)}>>".encode(),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]
    for n, lines in enumerate(pages):
        shown = "".join(f"1 0 0 1 72 {760 - 24 * row} Tm ({_in_pdf(line)}) Tj " for row, line in
                        enumerate(lines))  # fmt: skip
        stream = f"BT /F1 12 Tf {shown}ET".encode()
        objects += [
            f"<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents {5 + 2 * n} 0 R"
            "/Resources<</Font<</F1 3 0 R>>>>>>".encode(),
            b"<</Length %d>>stream\n%b\nendstream" % (len(stream), stream),
        ]
    trailer = f"/Root 1 0 R/ID[<{'00' * 16}><{'00' * 16}>]"
    if title:
        objects.append(f"<</Title({_in_pdf(title)})>>".encode())
        trailer += f"/Info {len(objects)} 0 R"
    if encrypted:
        keys = f"/O<{'5a' * 32}>/U<{'a5' * 32}>"
        objects.append(f"<</Filter/Standard/V 1/R 2/P -4{keys}>>".encode())
        trailer += f"/Encrypt {len(objects)} 0 R"
    return _with_index(objects, trailer)


def docx(*paragraphs: str, body: str = "", parts: Mapping[str, str] | None = None) -> bytes:
    """A Word file of plain paragraphs, then of WordprocessingML, with further parts."""
    shown = "".join(f"<w:p><w:r><w:t>{escape(text)}</w:t></w:r></w:p>" for text in paragraphs)
    shown += body
    return _zip(
        {
            "[Content_Types].xml": '<Types xmlns="http://schemas.openxmlformats.org/package/2006/'
            'content-types"><Default Extension="xml" ContentType="application/xml"/>'
            '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.'
            'relationships+xml"/><Override PartName="/word/document.xml" ContentType="application/'
            'vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>',
            "_rels/.rels": '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/'
            'relationships"><Relationship Id="r1" Target="word/document.xml" Type="http://schemas.'
            'openxmlformats.org/officeDocument/2006/relationships/officeDocument"/>'
            "</Relationships>",
            "word/document.xml": f'<w:document xmlns:w="{WORD}" xmlns:m="{MATH}">'
            f"<w:body>{shown}</w:body></w:document>",
            **(parts or {}),
        }
    )


def with_chart(deck: Path, slide: int) -> bytes:
    """A presentation with a chart on a slide: what Graz and Brno made in two years."""
    with zipfile.ZipFile(deck) as parts:
        contents = {name: parts.read(name) for name in parts.namelist()}
    rels = f"ppt/slides/_rels/slide{slide}.xml.rels"
    link = b'<Relationship Id="rId99" Type="x" Target="../charts/chart1.xml"/></Relationships>'
    contents[rels] = contents[rels].replace(b"</Relationships>", link)
    series = "".join(
        f"<c:ser><c:tx><c:v>{name}</c:v></c:tx><c:cat>{_points('2024', '2025')}</c:cat>"
        f"<c:val>{_points(*values)}</c:val></c:ser>"
        for name, values in {"Graz": ("1", "2"), "Brno": ("3", "4")}.items()
    )
    spaces = "http://schemas.openxmlformats.org/drawingml/2006"
    contents["ppt/charts/chart1.xml"] = (
        f'<c:chartSpace xmlns:c="{spaces}/chart" xmlns:a="{spaces}/main"><c:chart><c:title>'
        f"<a:t>Pumps made</a:t></c:title>{series}</c:chart></c:chartSpace>"
    ).encode()
    return _zip(contents)


def _points(*values: str) -> str:
    return "".join(f'<c:pt idx="{n}"><c:v>{value}</c:v></c:pt>' for n, value in enumerate(values))


def emptied_first_slide(deck: Path) -> bytes:
    """A presentation whose first slide has lost its words, as a slide of one picture."""
    import re

    with zipfile.ZipFile(deck) as parts:
        contents = {name: parts.read(name) for name in parts.namelist()}
    first = "ppt/slides/slide1.xml"
    contents[first] = re.sub(rb"<a:t>[^<]*</a:t>", b"<a:t></a:t>", contents[first])
    return _zip(contents)


def _zip(parts: Mapping[str, str | bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return packed.getvalue()


def _in_pdf(text: str) -> str:
    return text.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)")


def _with_index(objects: Sequence[bytes], trailer: str) -> bytes:
    body, places = b"%PDF-1.4\n", []
    for number, content in enumerate(objects, start=1):
        places.append(len(body))
        body += b"%d 0 obj\n%b\nendobj\n" % (number, content)
    index = "".join(f"{place:010} 00000 n \n" for place in places)
    size = len(objects) + 1
    end = f"xref\n0 {size}\n0000000000 65535 f \n{index}trailer<</Size {size}{trailer}>>\n"
    return body + f"{end}startxref\n{len(body)}\n%%EOF\n".encode()
