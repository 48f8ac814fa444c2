"""Finding and reading the prompt files; every fault is one line that names its file."""

from collections.abc import Hashable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import TypeAdapter, ValidationError

from app.core.errors import ConfigError

T = TypeVar("T")


def prompt_files(folder: Path) -> Iterator[Path]:
    """The files `<name>/<version>.yaml` of the folder, in order of their names.

    What starts with a dot or an underscore belongs to the system, not to the prompts.

    Raises:
        ConfigError: a folder cannot be listed, or a prompt's folder holds something else.
    """
    for prompt_folder in (path for path in _entries(folder) if path.is_dir()):
        for path in _entries(prompt_folder):
            if path.suffix != ".yaml":
                raise ConfigError(f"{path} is not a prompt file", hint="name it <version>.yaml")
            yield path


def read_as(kind: TypeAdapter[T], path: Path) -> T:
    """The content of a YAML file, checked.

    Raises:
        ConfigError: the file cannot be read, is not YAML, gives a key twice or is not of the kind.
    """
    try:
        content = yaml.load(path.read_text("utf-8"), _Loader)  # noqa: S506 - a SafeLoader
        return kind.validate_python(content)
    except ValidationError as error:
        raise ConfigError(f"{path}: {_refusals(error)}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {error}") from error
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a date such as 2024-99-99
        raise ConfigError(f"{path} is not valid YAML: {' '.join(str(error).split())}") from error


class _Loader(yaml.SafeLoader):
    """Safe YAML that refuses a key given twice, where PyYAML would keep the last one."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[str] = set()
        for key in (key for key, _ in node.value if isinstance(key, yaml.ScalarNode)):
            if key.value in seen:
                raise yaml.constructor.ConstructorError(
                    problem=f"{key.value} is given twice", problem_mark=key.start_mark
                )
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if not path.name.startswith((".", "_")))
    except OSError as error:
        raise ConfigError(f"{folder} cannot be read: {error}") from error


def _refusals(error: ValidationError) -> str:
    """What pydantic refused: `key.subkey: why`, without the refused values."""
    lines = []
    for fault in error.errors(include_url=False, include_input=False):
        place = ".".join(str(part) for part in fault["loc"])
        why = fault["msg"].removeprefix("Value error, ")
        lines.append(f"{place}: {why}" if place else why)
    return "; ".join(lines)
