"""Where code may be cut: at its classes and functions, then between statements (tree-sitter)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tree_sitter import Language, Node


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


_GRAMMARS = {  # (module, the function that gives the grammar) by what files and fences say
    ("bash", "language"): "bash sh shell zsh ksh",
    ("c", "language"): "c h",
    ("c_sharp", "language"): "cs csharp",
    ("cpp", "language"): "cpp cc cxx c++ hpp hh hxx ino",
    ("go", "language"): "go golang",
    ("java", "language"): "java",
    ("javascript", "language"): "js mjs cjs jsx javascript node",
    ("kotlin", "language"): "kt kts kotlin",
    ("php", "language_php"): "php",
    ("python", "language"): "py pyi pyw python python3",
    ("ruby", "language"): "rb ruby rake",
    ("rust", "language"): "rs rust",
    ("scala", "language"): "scala sc",
    ("swift", "language"): "swift",
    ("typescript", "language_typescript"): "ts mts cts typescript",
    ("typescript", "language_tsx"): "tsx",
}
_BY_NAME = {name: grammar for grammar, names in _GRAMMARS.items() for name in names.split()}
_HOLDERS = _names(  # what holds further definitions
    """class_definition class_declaration class_specifier class abstract_class_declaration
    interface_declaration enum_declaration record_declaration struct_declaration struct_item
    struct_specifier trait_item trait_definition trait_declaration impl_item mod_item module
    namespace_definition namespace_declaration file_scoped_namespace_declaration internal_module
    object_definition object_declaration companion_object protocol_declaration
    enum_definition extension_definition"""
)
_FUNCTIONS = _names(
    """function_definition function_declaration function_item method method_definition
    method_declaration constructor_declaration singleton_method generator_function_declaration
    init_declaration deinit_declaration macro_definition type_declaration
    type_alias_declaration enum_item enum_specifier union_item destructor_declaration
    local_function_statement secondary_constructor"""
)
_VALUES = frozenset(["arrow_function", "function_expression", "generator_function", "class"])
_BODY = re.compile(r"(?:block|body|_list|compound_statement|body_statement)$")
_DEEPEST = 60
_WORD = re.compile(r"\b(?!end\b)\w")


@dataclass(frozen=True, slots=True)
class Structure:
    """What a piece of code is made of, in lines counted from 0.

    Args:
        sections: (first line, names of the enclosing definitions), in order; the first
            begins at line 0.
        breaks: Lines before which a cut does least harm, each with the depth of what
            begins there.
    """

    sections: Sequence[tuple[int, tuple[str, ...]]]
    breaks: dict[int, int]


def structure(code: str, language: str) -> Structure | None:
    """The structure of code; None for a language whose grammar is not at hand."""
    from tree_sitter import Parser

    grammar = _BY_NAME.get(language.lower())
    if grammar is None:
        return None
    root = Parser(_language(*grammar)).parse(code.encode(errors="replace")).root_node
    lines = code.split("\n")
    sections: dict[int, tuple[str, ...]] = {0: ()}
    for first, last, path in _definitions(root, ()):
        if first in sections and len(sections[first]) > len(path):
            continue
        sections[first] = path
        sections.setdefault(last + 1, path[:-1])
    return Structure(list(_filled(sections, lines)), dict(_breaks(root, lines)))


def _filled(
    sections: dict[int, tuple[str, ...]], lines: Sequence[str]
) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Sections that say something; a closing bracket belongs to what it closes."""
    starts = sorted(sections)
    for first, following in zip(starts, [*starts[1:], len(lines)], strict=True):
        if first == 0 or any(_WORD.search(line) for line in lines[first:following]):
            yield first, sections[first]


@cache
def _language(module: str, function: str) -> Language:
    from tree_sitter import Language

    return Language(getattr(import_module(f"tree_sitter_{module}"), function)())


def _definitions(
    node: Node, path: tuple[str, ...], depth: int = 0
) -> Iterator[tuple[int, int, tuple[str, ...]]]:
    """(first line with its comments and decorators, last line, names) of each definition."""
    for child in node.children if depth < _DEEPEST else ():
        name = _name(child)
        if name:
            inner = (*path, name)
            yield _first_line(child), _last_row(child), inner
            if child.type in _HOLDERS:
                yield from _definitions(child, inner, depth + 1)
        elif child.type not in _FUNCTIONS:
            yield from _definitions(child, path, depth + 1)


def _name(node: Node) -> str:
    """What a definition defines; empty for anything else."""
    if node.type == "variable_declarator":
        value = node.child_by_field_name("value")
        return _text(node.child_by_field_name("name")) if value and value.type in _VALUES else ""
    if not node.is_named or node.type not in _HOLDERS | _FUNCTIONS:
        return ""
    if node.type.endswith("_specifier") and not node.child_by_field_name("body"):
        return ""  # the use of a type, not its definition
    name = node.child_by_field_name("type" if node.type == "impl_item" else "name")
    inner = node.child_by_field_name("declarator")
    while not name and inner:
        following = inner.child_by_field_name("declarator")
        name, inner = (None, following) if following else (inner, None)
    if not name:
        name = next((c for c in node.named_children if c.type.endswith("identifier")), None)
    if not name:
        spec = next((c for c in node.named_children if c.child_by_field_name("name")), None)
        name = spec.child_by_field_name("name") if spec else None
    return _text(name)


def _text(node: Node | None) -> str:
    found = node.text.decode(errors="replace") if node and node.text else ""
    return " ".join(found.split())[:80]


def _first_line(node: Node) -> int:
    """Where a definition begins, with what wraps it and the comments right above it."""
    while (
        node.parent and node.parent.parent and node.parent.start_point.row == node.start_point.row
    ):
        node = node.parent
    if node.parent and node.parent.type == "decorated_definition":
        node = node.parent
    first, above = node.start_point.row, node.prev_sibling
    while above and _goes_with_next(above) and _last_row(above) in (first - 1, first):
        first, above = above.start_point.row, above.prev_sibling
    return first


def _last_row(node: Node) -> int:
    """Its last line; some end with the line's end."""
    row, column = node.end_point
    return row if column or row == node.start_point.row else row - 1


def _goes_with_next(node: Node | None) -> bool:
    """Whether it is a comment or an attribute in a line of its own."""
    if node is None:
        return False
    before = node.prev_sibling
    alone = before is None or _last_row(before) != node.start_point.row
    return alone and ("comment" in node.type or node.type == "attribute_item")


def _breaks(root: Node, lines: Sequence[str]) -> Iterator[tuple[int, int]]:
    """(line, depth) of the outermost thing that begins on each line.

    What comes first in a body counts as deeper: a cut in front of it would leave the head
    of a function alone.
    """
    seen = {0}
    level = [root]
    for depth in range(_DEEPEST):
        level = [child for node in level for child in node.children]
        for node in level:
            row, column = node.start_point
            begins = row < len(lines) and not lines[row][:column].strip()
            if row in seen or not begins or not node.is_named or _BODY.search(node.type):
                continue
            seen.add(row)
            if not _goes_with_next(node.prev_sibling):
                yield row, depth + (0 if node.prev_named_sibling else 3)
        if not level:
            return
