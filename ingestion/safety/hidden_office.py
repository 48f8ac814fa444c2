"""An Office file without runs of text that its program does not show.

Word: hidden letters (`w:vanish`, by themselves or by a style), letters of a point or less, and
white ones on nothing: no shading, no table, no text box, no dark page or picture behind them
that might make them seen. PowerPoint: shapes switched off, and letters of a point or less;
what is behind white letters is not known there. Hidden slides, sheets, rows and columns are
content that its authors put aside, and stay, as do speakers' notes. Excel's cells keep all
they hold: a number behind a chart is often set in white.

Of styles, the hidden ones are known, not the white ones. Parts are read with expat, which
tells the byte at which each element stands, so that all else stays as it was; a part with a
document type, which no Office program writes, is left alone.
"""

from __future__ import annotations

import io
import re
import struct
import zipfile
import zlib
from dataclasses import dataclass, field
from xml.parsers import expat

from ingestion.safety.hidden import speaks

_MOST_BYTES = 500_000_000  # of an unpacked file
_WORD, _SLIDES = ".wordprocessingml.", ".presentationml."
_WORD_PARTS = re.compile(r"word/(document|header\d*|footer\d*|footnotes|endnotes)\.xml")
_SLIDE_PARTS = re.compile(r"ppt/(slides|notesSlides)/[^/]+\.xml")
_STYLES = "word/styles.xml"
_TRICKED_WORDS = 4
_DAMAGED = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    RuntimeError,  # encrypted, or packed in a way that is not known
    ValueError,  # offsets that point nowhere
    OSError,
    EOFError,
    expat.ExpatError,
)
_OFF = ("0", "false", "off", "none")
_UNJUDGED = frozenset(("w:tbl", "w:txbxContent"))
"""Where white letters may lie on a colour that another part of the file knows."""
_TEXT = frozenset(("w:t", "w:instrText", "a:t"))
_POINT_IN_WORD, _POINT_IN_SLIDES = 2, 100  # half points, hundredths


def visible_office(data: bytes, kind: str) -> tuple[bytes, bool]:
    """A DOCX or PPTX file without hidden runs; others, and what cannot be read, as they are.

    Args:
        data: The file.
        kind: Its MIME type.

    Returns:
        The file, and whether what went gives instructions to a model, or was made unseen in
        a way that has no honest use: four words or more without size, or white on white.
    """
    try:
        if _WORD in kind or "ms-word." in kind:
            return _rewritten(data, _WORD_PARTS, _WordPart)
        if _SLIDES in kind:
            return _rewritten(data, _SLIDE_PARTS, _SlidePart)
    except _DAMAGED:
        pass  # the parser says what is wrong with it
    return data, False


@dataclass(frozen=True, slots=True)
class _Cut:
    start: int
    end: int
    text: str
    trick: bool


@dataclass(frozen=True, slots=True)
class _Styles:
    """Names of Word's styles that hide their text, and of those that lie on a colour."""

    hidden: frozenset[str] = frozenset()
    shaded: frozenset[str] = frozenset()


def _rewritten(data: bytes, parts: re.Pattern[str], part_type: type[_Part]) -> tuple[bytes, bool]:
    with zipfile.ZipFile(io.BytesIO(data)) as old:
        members = old.infolist()
        if sum(member.file_size for member in members) > _MOST_BYTES:
            return data, False
        names = {member.filename for member in members}
        styles = _styles(old.read(_STYLES)) if _STYLES in names else _Styles()
        found: dict[str, list[_Cut]] = {}
        for name in sorted(filter(parts.fullmatch, names)):
            part = part_type(old.read(name), styles)
            part.read()
            if part.cuts:
                found[name] = part.cuts
        if not found:
            return data, False
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as new:
            for member in members:
                content = old.read(member)
                new.writestr(member, _without(content, found.get(member.filename, [])))
    cuts = [cut for each in found.values() for cut in each]
    tricked = sum(len(cut.text.split()) for cut in cuts if cut.trick)
    return packed.getvalue(), tricked >= _TRICKED_WORDS or speaks("".join(c.text for c in cuts))


def _without(content: bytes, cuts: list[_Cut]) -> bytes:
    kept: list[bytes] = []
    done = 0
    for cut in sorted(cuts, key=lambda cut: cut.start):
        if cut.start >= done:  # else it lies within the one before
            kept.append(content[done : cut.start])
            done = cut.end
    return b"".join([*kept, content[done:]])


@dataclass(slots=True)
class _Run:
    """A run of text: where it starts, what its properties and its letters say."""

    start: int
    says: dict[str, str] = field(default_factory=dict)
    text: list[str] = field(default_factory=list)


class _Part:
    """One XML part, read once; subclasses know what hides a run."""

    run = ""
    """The name of a run's element."""

    def __init__(self, content: bytes, styles: _Styles) -> None:
        self.cuts: list[_Cut] = []
        self.styles = styles
        self.path: list[str] = []
        self.runs: list[_Run] = []
        self._content = content
        self._parser = expat.ParserCreate()

    def read(self) -> None:
        """Note what to cut.

        Raises:
            ExpatError: It is no XML, or has a document type.
        """
        self._parser.StartDoctypeDeclHandler = _refuse
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._letters
        self._parser.Parse(self._content, True)

    def begin(self, name: str, attributes: dict[str, str]) -> None:
        """An element starts; `path` ends with its name."""
        raise NotImplementedError

    def finish(self, name: str) -> None:
        """An element has ended; `path` ends with its parent."""

    def hides(self, run: _Run) -> tuple[bool, bool]:
        """(whether a run is not seen, whether that has no honest use)."""
        raise NotImplementedError

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self.path.append(name)
        if name == self.run:
            self.runs.append(_Run(self._parser.CurrentByteIndex))
        self.begin(name, attributes)

    def _end(self, name: str) -> None:
        self.path.pop()
        if name == self.run:
            run = self.runs.pop()
            text = "".join(run.text)
            hidden, trick = self.hides(run)
            if text and hidden:
                end = self._content.index(b">", self._parser.CurrentByteIndex) + 1
                self.cuts.append(_Cut(run.start, end, text, trick))
        self.finish(name)

    def _letters(self, text: str) -> None:
        if self.runs and self.path[-1] in _TEXT:
            self.runs[-1].text.append(text)


class _WordPart(_Part):
    run = "w:r"

    def __init__(self, content: bytes, styles: _Styles) -> None:
        super().__init__(content, styles)
        self._paragraphs: list[dict[str, str]] = []
        self._unjudged = int(b'behindDoc="1"' in content or b"<w:background" in content)

    def begin(self, name: str, attributes: dict[str, str]) -> None:
        self._unjudged += name in _UNJUDGED
        if name == "w:p":
            self._paragraphs.append({})
        elif self.path[-3:-1] == ["w:r", "w:rPr"]:
            self.runs[-1].says[name] = attributes.get("w:val", "")
        elif self.path[-3:-1] == ["w:p", "w:pPr"]:
            self._paragraphs[-1][name] = attributes.get("w:val", "")

    def finish(self, name: str) -> None:
        self._unjudged -= name in _UNJUDGED
        if name == "w:p":
            self._paragraphs.pop()

    def hides(self, run: _Run) -> tuple[bool, bool]:
        paragraph = self._paragraphs[-1] if self._paragraphs else {}
        styles = {run.says.get("w:rStyle", ""), paragraph.get("w:pStyle", "")}
        if run.says.get("w:vanish", "0" if not styles & self.styles.hidden else "") not in _OFF:
            return True, False
        behind = {"w:shd", "w:highlight"} & {*run.says, *paragraph}
        judged = not (self._unjudged or behind or styles & self.styles.shaded)
        white = bool(re.fullmatch("(?:[Ff][7-9A-Fa-f]){3}", run.says.get("w:color", "")))
        trick = (judged and white) or _at_most(run.says.get("w:sz", ""), _POINT_IN_WORD)
        return trick, trick


class _SlidePart(_Part):
    run = "a:r"

    def __init__(self, content: bytes, styles: _Styles) -> None:
        super().__init__(content, styles)
        self._shapes: list[bool] = []
        """Of the open shapes and groups, which are switched off."""

    def begin(self, name: str, attributes: dict[str, str]) -> None:
        if name in ("p:sp", "p:grpSp", "p:graphicFrame"):
            self._shapes.append(False)
        elif name == "p:cNvPr" and self._shapes and attributes.get("hidden", "0") not in _OFF:
            self._shapes[-1] = True
        elif name == "a:rPr" and self.path[-2] == "a:r":
            self.runs[-1].says["size"] = attributes.get("sz", "")

    def finish(self, name: str) -> None:
        if name in ("p:sp", "p:grpSp", "p:graphicFrame"):
            self._shapes.pop()

    def hides(self, run: _Run) -> tuple[bool, bool]:
        tiny = _at_most(run.says.get("size", ""), _POINT_IN_SLIDES)
        return tiny or any(self._shapes), tiny


class _StylesPart(_Part):
    """Word's styles: what each says of its letters, and which it is based on."""

    def __init__(self, content: bytes) -> None:
        super().__init__(content, _Styles())
        self.says: dict[str, dict[str, str]] = {}
        self._style = ""

    def begin(self, name: str, attributes: dict[str, str]) -> None:
        if name == "w:style":
            self._style = attributes.get("w:styleId", "")
            self.says[self._style] = {}
        elif "w:style" in self.path and self._style:
            self.says[self._style][name] = attributes.get("w:val", "")

    def inherited(self, style: str, name: str) -> str | None:
        """What a style, or the nearest that it is based on, says of a property."""
        seen: set[str] = set()
        while style in self.says and style not in seen:
            seen.add(style)
            if name in self.says[style]:
                return self.says[style][name]
            style = self.says[style].get("w:basedOn", "")
        return None


def _styles(content: bytes) -> _Styles:
    part = _StylesPart(content)
    part.read()
    return _Styles(
        hidden=frozenset(
            s for s in part.says if part.inherited(s, "w:vanish") not in (None, *_OFF)
        ),
        shaded=frozenset(s for s in part.says if part.inherited(s, "w:shd") is not None),
    )


def _at_most(size: str, most: int) -> bool:
    return bool(re.fullmatch(r"\d{1,9}", size)) and int(size) <= most


def _refuse(*_: object) -> None:
    raise expat.ExpatError("a document type")
