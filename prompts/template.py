"""How a prompt's text becomes a message: sandboxed Jinja that sees nothing but the values given."""

from collections.abc import Mapping
from functools import cache, lru_cache
from hashlib import sha256

from jinja2 import StrictUndefined, Template, TemplateError, TemplateSyntaxError, meta
from jinja2.sandbox import ImmutableSandboxedEnvironment


class TemplateFault(ValueError):
    """A template that cannot be read, or that failed on the values it was given."""


def used_variables(source: str) -> set[str]:
    """The names that the template takes from outside.

    Raises:
        TemplateFault: the text is not a valid template, or it reads another template.
    """
    try:
        _compiled(source)  # finds unknown filters, which parsing lets pass
        tree = _environment().parse(source)
    except TemplateSyntaxError as error:
        raise TemplateFault(f"line {error.lineno}: {error.message}") from error
    if any(True for _ in meta.find_referenced_templates(tree)):
        raise TemplateFault("include, import and extends are not available")
    return meta.find_undeclared_variables(tree)


def fill(source: str, values: Mapping[str, object]) -> str:
    """Render a template; a value comes out as it is, never evaluated or escaped.

    Raises:
        TemplateFault: a value lacks what the template reads, or the sandbox stopped the template.
    """
    try:
        return _compiled(source).render(values)
    except (TemplateError, TypeError, ValueError, ArithmeticError, LookupError) as error:
        raise TemplateFault(str(error)) from error


def _seal(value: object) -> str:
    """12 hex digits of a hash of the value, for the tags around it.

    A text would have to hold its own hash to forge the closing tag, so it cannot end its own
    quotation and go on as an instruction. The same value has the same seal, which keeps a
    provider's prefix cache useful.
    """
    return sha256(repr(value).encode("utf-8", "backslashreplace")).hexdigest()[:12]


@lru_cache(maxsize=512)
def _compiled(source: str) -> Template:
    return _environment().from_string(source)


@cache
def _environment() -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(
        undefined=StrictUndefined, autoescape=False, trim_blocks=True, lstrip_blocks=True
    )
    environment.globals.clear()
    environment.filters["seal"] = _seal
    return environment
