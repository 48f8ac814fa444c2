"""A web page without what a browser does not show.

What goes: comments, `<template>`, closed dialogs, `hidden`, `display: none`, `opacity: 0`,
places far off the screen, `visibility: hidden`, letters of no size, transparent ones and ones
in the colour of their background. Styles are read from attributes and from the page's own
simple rules. `aria-hidden` hides from listeners, not from readers, and stays; so do closed
`<details>`, which a click opens.

Hiding is mostly honest: menus, notes for screen readers, what a script shows later. It earns
a flag when what was hidden gives instructions to a model, or when four or more words were
hidden in a way that has no honest use: no size, or the colour of the background.

The standard library's parser takes quadratic time on hostile pages (100 KB of `<a `: two
minutes); the tokens below follow the HTML standard, section 13.2.5, in linear time.
"""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from ingestion.safety.hidden import speaks
from ingestion.safety.hidden_css import (
    UNKNOWN,
    Look,
    Sheet,
    Style,
    declarations,
    hides_all,
    marks_of,
    settled,
)

_TOKEN = re.compile(
    r"(?P<comment><!--(?:-?>|[\s\S]*?(?:--!?>|\Z)))"
    r"|<(?:[!?]|/(?![a-zA-Z]))[^>]*+>?"
    r"|<(?P<slash>/?)(?P<name>[a-zA-Z][^\s/>]*+)"
    r"(?P<rest>(?:[^>=]++|=\s*+(?:\"[^\"]*+(?:\"|\Z)|'[^']*+(?:'|\Z))?+)*+)(?:>|\Z)"
)
_ATTRIBUTE = re.compile(r"([^\s\"'>/=]++)(?:\s*+=\s*+(?:\"([^\"]*)\"|'([^']*)'|([^\s>]+)))?")
_TAG = re.compile(r"<[^>]*+>?")
_RAW = {
    name: re.compile(rf"</{name}(?=[\s/>])|\Z", re.IGNORECASE)
    for name in ("script", "style", "textarea", "title", "xmp", "iframe", "noembed", "noframes")
}
_NAME = re.compile(r"\w+")
_VOID = frozenset(
    _NAME.findall("area base br col embed hr img input link meta source track wbr param frame")
)
_NEVER_HIDDEN = frozenset(("html", "body", "head", "main"))  # scripts show these when ready
_PARAGRAPH_ENDS = _NAME.findall(
    """address article aside blockquote center details dialog dir div dl fieldset
    figcaption figure footer form h1 h2 h3 h4 h5 h6 header hgroup hr main menu nav ol p pre
    section summary table ul"""
)
_CELLS, _ROWS = frozenset(("td", "th")), frozenset(("tr", "td", "th"))
_SECTIONS = _ROWS | {"thead", "tbody", "tfoot", "caption", "colgroup"}
_TABLE, _LISTS = (
    frozenset(("table", "template")),
    frozenset(("ul", "ol", "menu", "table", "template")),
)
# A start tag: which open elements it ends, and beyond which it does not look for them.
_ENDS = {
    **dict.fromkeys(
        _PARAGRAPH_ENDS,
        (
            frozenset("p"),
            frozenset(("table", "td", "th", "caption", "button", "object", "template")),
        ),
    ),
    "li": (frozenset(("li", "p")), _LISTS),
    **dict.fromkeys(
        ("dt", "dd"), (frozenset(("dt", "dd", "p")), frozenset(("dl", "table", "template")))
    ),
    **dict.fromkeys(("option", "optgroup"), (frozenset(("option",)), frozenset(("select",)))),
    **dict.fromkeys(("td", "th"), (_CELLS, _TABLE | {"tr"})),
    "tr": (_ROWS, _TABLE),
    **dict.fromkeys(("thead", "tbody", "tfoot"), (_SECTIONS, _TABLE)),
}
_BY_NAME = {
    "template": {"display": "none"},
    "a": {"color": UNKNOWN},
    **{
        name: {"color": UNKNOWN, "background": UNKNOWN}
        for name in ("svg", "math", "button", "mark", "select", "textarea", "canvas", "object")
    },
}
"""What browsers do to elements by themselves."""
_NEAR = 64  # open elements among which one that ends by itself is looked for
_TRICKED_WORDS = 4


def visible_html(page: str) -> tuple[str, bool]:
    """A page without what is hidden in it; all else stays as it is, character for character.

    Returns:
        The page, and whether what went could have been meant for a model.
    """
    reader = _Reader(page, _sheet(page))
    reader.read()
    if not reader.cuts:
        return page, False
    parts: list[str] = []
    gone: list[str] = []
    done = 0
    for start, end in sorted(reader.cuts):
        if end > done:
            parts.append(page[done : max(done, start)])
            gone.append(page[max(done, start) : end])
            done = end
    parts.append(page[done:])
    words = sum(len(_words(text).split()) for text in reader.tricked)
    return "".join(parts), words >= _TRICKED_WORDS or speaks("\n".join(map(_words, gone)))


def _words(markup: str) -> str:
    inner = markup.replace("<!--", " ").replace("-->", " ")
    return html.unescape(_TAG.sub(" ", inner))


def _tokens(page: str) -> Iterator[re.Match[str]]:
    """Comments and tags; what stands in an element without tags is passed over."""
    token = _TOKEN.search(page)
    while token:
        yield token
        raw = None if token["slash"] else _RAW.get((token["name"] or "").lower())
        end = raw.search(page, token.end()) if raw else None
        token = _TOKEN.search(page, end.start() if end else token.end())


def _sheet(page: str) -> Sheet:
    sheet = Sheet()
    for token in _tokens(page):
        name = "" if token["slash"] else (token["name"] or "").lower()
        if name == "style":
            end = _RAW["style"].search(page, token.end())
            sheet.add(page[token.end() : end.start() if end else len(page)])
        elif name == "link":
            sheet.foreign |= "stylesheet" in _attributes(token["rest"]).get("rel", "").lower()
    return sheet


def _attributes(rest: str) -> dict[str, str]:
    """The first of each name counts, as in browsers."""
    found: dict[str, str] = {}
    for name, double, single, bare in _ATTRIBUTE.findall(rest):
        found.setdefault(name.lower(), html.unescape(double or single or bare))
    return found


@dataclass(frozen=True, slots=True)
class _Element:
    name: str
    start: int
    hidden: bool
    look: Look


@dataclass(slots=True)
class _Reader:
    """Goes through a page once and notes what to cut."""

    page: str
    sheet: Sheet
    open: list[_Element] = field(default_factory=list)
    names: Counter[str] = field(default_factory=Counter)
    hidden: int = 0
    """How many open elements are hidden."""
    cuts: list[tuple[int, int]] = field(default_factory=list)
    tricked: list[str] = field(default_factory=list)

    def read(self) -> None:
        done = 0
        for token in _tokens(self.page):
            self._text(done, token.start())
            done = token.end()
            if token["comment"]:
                self.cuts.append(token.span())
            elif token["name"] and token["slash"]:
                self._end(token["name"].lower(), token.start(), token.end())
            elif token["name"]:
                self._start(token["name"].lower(), token)
        self._text(done, len(self.page))
        self._close(0, len(self.page))

    def _text(self, start: int, end: int) -> None:
        if self.hidden or not self.open or start == end:
            return
        look = self.open[-1].look
        if (look.trick or not look.shown) and self.open[-1].name not in _RAW:
            self.cuts.append((start, end))
            if look.trick:
                self.tricked.append(self.page[start:end])

    def _start(self, name: str, token: re.Match[str]) -> None:
        self._end_by_themselves(name, token.start())
        style = self._style(name, _attributes(token["rest"]))
        hidden = hides_all(style) and name not in _NEVER_HIDDEN
        if name in _VOID:
            if hidden:
                self.cuts.append(token.span())
            return
        white = None if self.sheet.foreign else (255, 255, 255)
        look = (self.open[-1].look if self.open else Look(background=white)).within(style)
        if name in _NEVER_HIDDEN:
            look = replace(look, shown=True, size_shown=True, clear=False)
        self.open.append(_Element(name, token.start(), hidden, look))
        self.names[name] += 1
        self.hidden += hidden
        if token["rest"].endswith("/"):  # empty in XHTML and SVG; elsewhere a slip
            self._close(len(self.open) - 1, token.end())

    def _style(self, name: str, attributes: dict[str, str]) -> Style:
        """From what browsers do by themselves to what the element says of itself."""
        style = dict(_BY_NAME.get(name, {}))
        if "hidden" in attributes and attributes["hidden"].lower() != "until-found":
            style["display"] = "none"
        if name == "dialog" and "open" not in attributes:
            style["display"] = "none"
        for attribute, named in (("bgcolor", "background-color"), ("background", "background")):
            if attributes.get(attribute):
                style[named] = attributes[attribute].lower()
        if name == "font" and attributes.get("color"):
            style["color"] = attributes["color"].lower()
        inline = declarations(attributes.get("style", ""))
        return settled(style, self.sheet.style(name, marks_of(attributes)), inline)

    def _end(self, name: str, start: int, end: int) -> None:
        if not self.names[name]:
            return
        at = len(self.open) - 1
        while self.open[at].name != name:
            at -= 1
        self._close(at + 1, start)
        self._close(at, end)

    def _end_by_themselves(self, name: str, place: int) -> None:
        """End tags that may be left out: `<li>` ends the `<li>` before it."""
        ended, bounds = _ENDS.get(name, (frozenset(), frozenset()))
        if not any(self.names[each] for each in ended):
            return
        first = None
        for at in range(len(self.open) - 1, max(-1, len(self.open) - 1 - _NEAR), -1):
            if self.open[at].name in bounds:
                break
            if self.open[at].name in ended:
                first = at
        if first is not None:
            self._close(first, place)

    def _close(self, first: int, place: int) -> None:
        """End the open elements from the one at `first` on."""
        while len(self.open) > first:
            element = self.open.pop()
            self.names[element.name] -= 1
            if element.hidden:
                self.hidden -= 1
                self.cuts.append((element.start, place))
