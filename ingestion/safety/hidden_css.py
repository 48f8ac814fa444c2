"""As much of CSS as tells whether a static page shows an element's text.

Only rules whose selector is one compound (`p`, `.note`, `td.x#y`) are applied. What a more
complex selector, a pseudo-class or a media query may change counts as unknown, and the
unknown as visible: nothing that a reader may see is lost for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

UNKNOWN = "?"
_INSISTING = "!important"
Style = dict[str, str]
"""Property to value, lower case; `UNKNOWN` where it depends."""

_PROPERTIES = frozenset(
    re.findall(
        r"[\w-]+",
        """display visibility opacity position left top right bottom clip clip-path text-indent
    font-size font color background background-color background-image text-shadow""",
    )
)
_COMMENT = re.compile(r"/\*[\s\S]*?(?:\*/|\Z)")
_IMPORTANT = re.compile(r"\s*+!\s*important")
_BLOCK = re.compile(r"([^{}]*+)([{}])")
_COMPOUND = re.compile(r"(\*|[a-z][\w-]*)?((?:[.#][\w-]+)*)")
_LAST_COMPOUND = re.compile(r"([\w*.#-]*)(?:[:\[].*)?\Z")
_CROWDED = 64  # rules for one name, beyond which none of them is judged
_NAMED = {
    "black": "000000", "silver": "c0c0c0", "gray": "808080", "grey": "808080", "white": "ffffff",
    "red": "ff0000", "green": "008000", "blue": "0000ff", "yellow": "ffff00", "navy": "000080",
    "snow": "fffafa", "ivory": "fffff0", "whitesmoke": "f5f5f5", "ghostwhite": "f8f8ff",
}  # fmt: skip
_RGB = re.compile(
    r"rgba?\(\s*(\d{1,3})[\s,]+(\d{1,3})[\s,]+(\d{1,3})\s*(?:[,/]\s*([\d.]+%?)\s*)?\)"
)
Colour = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class _Rule:
    tag: str
    marks: frozenset[str]
    """`.class` and `#id`, all of which the element must have."""
    rank: tuple[int, int, int]
    """Ids, classes and elements of the selector."""
    style: Style
    certain: bool

    def fits(self, tag: str, marks: frozenset[str]) -> bool:
        return self.tag in ("", "*", tag) and self.marks <= marks


def _doubted(value: str) -> str:
    return UNKNOWN + _INSISTING if value.endswith(_INSISTING) else UNKNOWN


def _rank(rule: _Rule) -> tuple[int, int, int]:
    return rule.rank


@dataclass(slots=True)
class Sheet:
    """The rules of a page's own style sheets.

    `foreign` says that the page has others, which are not here to be read.
    """

    foreign: bool = False
    _rules: dict[str, list[_Rule]] = field(default_factory=dict)
    _known: dict[tuple[str, frozenset[str]], Style] = field(default_factory=dict)

    def add(self, css: str) -> None:
        """Read the content of a `<style>` element."""
        depth, prelude = 0, ""
        for part in _BLOCK.finditer(_COMMENT.sub(" ", css)):
            if part[2] == "{":
                depth += 1
                self.foreign |= "@import" in part[1].lower()
                prelude = part[1].rpartition(";")[2].strip().lower()
                continue
            if prelude and not prelude.startswith("@"):
                self._add_rule(prelude, declarations(part[1]), certain=depth == 1)
            depth, prelude = max(0, depth - 1), ""
        self._known.clear()

    def style(self, tag: str, marks: frozenset[str]) -> Style:
        """What the sheets say of an element, the stronger rule last."""
        key = (tag, marks)
        if key not in self._known:
            self._known[key] = self._cascade(tag, marks)
        return self._known[key]

    def _cascade(self, tag: str, marks: frozenset[str]) -> Style:
        fitting: list[_Rule] = []
        for name in (tag, "", *sorted(marks)):
            rules = self._rules.get(name, ())
            if len(rules) > _CROWDED:
                return dict.fromkeys(_PROPERTIES, UNKNOWN)
            fitting += [rule for rule in rules if rule.fits(tag, marks)]
        style = merged(*(rule.style for rule in sorted(fitting, key=_rank) if rule.certain))
        for rule in fitting:
            if not rule.certain:
                doubt = {name: _doubted(value) for name, value in rule.style.items()}
                style = merged(style, doubt)
        return style

    def _add_rule(self, prelude: str, style: Style, *, certain: bool) -> None:
        if not style:
            return
        for selector in map(str.strip, prelude.split(",")):
            simple = _COMPOUND.fullmatch(selector)
            last = _LAST_COMPOUND.search(re.split(r"[\s>+~]+", selector)[-1])
            compound = simple or _COMPOUND.fullmatch(last[1] if last else "")
            tag, marked = (compound[1] or "", compound[2]) if compound else ("", "")
            marks = frozenset(re.findall(r"[.#][\w-]+", marked))
            ids = sum(mark.startswith("#") for mark in marks)
            rank = (ids, len(marks) - ids, tag not in ("", "*"))
            name = min(marks) if marks else tag.strip("*")
            rule = _Rule(tag, marks, rank, style, certain and bool(simple))
            self._rules.setdefault(name, []).append(rule)


def declarations(css: str) -> Style:
    """The properties that matter here."""
    style: Style = {}
    for part in css.split(";"):
        name, _, value = part.partition(":")
        if name.strip().lower() in _PROPERTIES:
            style[name.strip().lower()] = _IMPORTANT.sub(_INSISTING, value.lower()).strip()
    return style


def merged(*styles: Style) -> Style:
    """Styles, the stronger last. Two that insist on different values leave it unknown."""
    style: Style = {}
    for each in styles:
        for name, value in each.items():
            held = style.get(name, "")
            if not held.endswith(_INSISTING):
                style[name] = value
            elif value.endswith(_INSISTING) and value != held:
                style[name] = UNKNOWN + _INSISTING
    return style


def settled(*styles: Style) -> Style:
    """The style that comes of all, the stronger last."""
    return {name: value.removesuffix(_INSISTING) for name, value in merged(*styles).items()}


def hides_all(style: Mapping[str, str]) -> bool:
    """Whether an element is not shown, with everything in it."""
    if style.get("display") == "none" or _is_zero(style.get("opacity", "")):
        return True
    if style.get("position") not in ("absolute", "fixed"):
        return False
    away = any(_pixels(style.get(side, "")) <= -999 for side in ("left", "top", "right", "bottom"))
    clip = style.get("clip", "") + style.get("clip-path", "")
    return away or bool(re.match(r"rect\(\s*(?:0|1px)[\s,]|inset\(\s*(?:50|100)%", clip))


def _is_zero(value: str) -> bool:
    return bool(re.fullmatch(r"0*\.?0+%?", value))


def _pixels(value: str) -> float:
    """A length in pixels, taking an em for sixteen; 0 if it is none."""
    found = re.fullmatch(r"(-?\d{1,7}(?:\.\d{1,7})?)(px|em|rem|pt|)", value)
    return float(found[1]) * (16 if found[2] in ("em", "rem") else 1) if found else 0.0


@dataclass(frozen=True, slots=True)
class Look:
    """What an element hands on to the text in it; None is an unknown colour."""

    shown: bool = True
    size_shown: bool = True
    colour: Colour | None = (0, 0, 0)
    background: Colour | None = (255, 255, 255)
    clear: bool = False
    """Whether letters are transparent."""

    @property
    def trick(self) -> bool:
        """Whether text is made unseen in a way that has no honest use."""
        if not self.size_shown or self.clear:
            return True
        if self.colour is None or self.background is None:
            return False
        return all(abs(a - b) <= 8 for a, b in zip(self.colour, self.background, strict=True))

    def within(self, style: Mapping[str, str]) -> Look:
        """The look inside a child with this style."""
        colour, clear = self._letters(style)
        return Look(
            shown=_shown(style.get("visibility", ""), self.shown),
            size_shown=_size_shown(style, self.size_shown),
            colour=colour,
            background=_background(style, self.background),
            clear=clear,
        )

    def _letters(self, style: Mapping[str, str]) -> tuple[Colour | None, bool]:
        value = style.get("color", "inherit")
        if "text-shadow" in style:
            return None, False
        if value in ("inherit", "", "unset", "currentcolor"):
            return self.colour, self.clear
        return parse_colour(value), value == "transparent" and not any(
            name.startswith("background")
            for name in style  # that shines through the letters
        )


def _shown(visibility: str, inherited: bool) -> bool:
    return inherited if visibility in ("", "inherit") else visibility not in ("hidden", "collapse")


def _size_shown(style: Mapping[str, str], inherited: bool) -> bool:
    size = style.get("font-size", "")
    if "font" in style:
        return True
    if not size or size in ("inherit", "smaller", "larger"):
        return inherited
    if re.fullmatch(r"(?:0*\.?0+|1|0?\.\d+)(?:px|pt)?|0*\.?0+(?:r?em|%|vw)", size):
        return False
    return inherited if re.fullmatch(r"[\d.]+(?:em|%)", size) else True


def _background(style: Mapping[str, str], inherited: Colour | None) -> Colour | None:
    if style.get("position") in ("absolute", "fixed", UNKNOWN) or "background-image" in style:
        return None  # it may lie on anything
    for name in ("background-color", "background"):
        value = style.get(name, "")
        if value and value not in ("transparent", "none", "inherit", "initial", "unset"):
            return parse_colour(value)
    return inherited


def parse_colour(value: str) -> Colour | None:
    """Red, green and blue from 0 to 255; None for what is no plain colour."""
    value = value.strip().lower()
    found = _RGB.fullmatch(value)
    if found:
        opaque = found[4] in (None, "1", "1.0", "100%")
        return (int(found[1]), int(found[2]), int(found[3])) if opaque else None
    digits = _NAMED.get(value) or value.removeprefix("#")
    if re.fullmatch(r"[0-9a-f]{3}", digits):
        digits = "".join(digit * 2 for digit in digits)
    if not re.fullmatch(r"[0-9a-f]{6}", digits):
        return None
    return int(digits[:2], 16), int(digits[2:4], 16), int(digits[4:], 16)


def marks_of(attributes: Mapping[str, str]) -> frozenset[str]:
    """`.class` and `#id` of an element."""

    def names() -> Iterator[str]:
        yield from (f".{name}" for name in attributes.get("class", "").lower().split())
        if attributes.get("id"):
            yield f"#{attributes['id'].lower()}"

    return frozenset(names())
