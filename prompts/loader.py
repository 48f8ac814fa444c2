"""Prompts as checked files: `<folder>/<name>/<version>.yaml`, and `active.yaml` for what is served.

Everything is read and checked when the registry is loaded, so a faulty prompt stops the start and
not a request.
"""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Self

from pydantic import TypeAdapter

from app.core.errors import ConfigError
from prompts.files import prompt_files, read_as
from prompts.prompt import Name, Prompt, RenderedPrompt, Version


class PromptRegistry:
    """Every version of every prompt, and which version of each is served."""

    def __init__(
        self, prompts: Mapping[str, Mapping[str, Prompt]], active: Mapping[str, str]
    ) -> None:
        """Take what `load` has checked; `prompts` is name -> version -> prompt."""
        self._prompts = prompts
        self._active = MappingProxyType(dict(active))

    @classmethod
    def load(cls, folder: Path | None = None) -> Self:
        """Read and check every prompt file of the folder (default: the ones that come along).

        Raises:
            ConfigError: a file is unreadable, faulty or misplaced, or active.yaml does not fit.
        """
        folder = folder or Path(__file__).parent
        prompts: dict[str, dict[str, Prompt]] = {}
        for path in prompt_files(folder):
            prompt = _read_prompt(path)
            prompts.setdefault(prompt.name, {})[prompt.version] = prompt
        return cls(prompts, _read_active(folder / "active.yaml", prompts))

    @property
    def active(self) -> Mapping[str, str]:
        """The served version of each prompt, by name."""
        return self._active

    def get(self, name: str, version: str | None = None) -> Prompt:
        """The prompt in the given version, else in the served one.

        Raises:
            ConfigError: there is no such prompt or version.
        """
        versions = self.versions(name)
        if version is not None and version not in versions:
            hint = f"there is: {', '.join(versions)}"
            raise ConfigError(f"prompt {name} has no version {version}", hint=hint)
        return self._prompts[name][version or self._active[name]]

    def render(self, name: str, **values: object) -> RenderedPrompt:
        """Fill the served version of a prompt.

        Raises:
            ConfigError: there is no such prompt, or the values do not fit it.
        """
        return self.get(name).render(**values)

    def versions(self, name: str) -> list[str]:
        """The versions of a prompt, oldest first.

        Raises:
            ConfigError: there is no such prompt.
        """
        if name not in self._prompts:
            hint = f"there is: {', '.join(sorted(self._prompts))}"
            raise ConfigError(f"there is no prompt {name}", hint=hint)
        return sorted(self._prompts[name], key=lambda text: [int(n) for n in text.split(".")])


def _read_prompt(path: Path) -> Prompt:
    prompt = read_as(TypeAdapter(Prompt), path)
    if (prompt.name, prompt.version) != (path.parent.name, path.stem):
        hint = f"it belongs in {prompt.name}/{prompt.version}.yaml"
        raise ConfigError(f"{path} holds {prompt.name} {prompt.version}", hint=hint)
    return prompt


def _read_active(path: Path, prompts: Mapping[str, Mapping[str, Prompt]]) -> dict[str, str]:
    """Name -> version. A choice between weighted versions would be read here, and made in `get`."""
    active = read_as(TypeAdapter(dict[Name, Version]), path)
    for name, version in active.items():
        if version not in prompts.get(name, {}):
            raise ConfigError(f"{path} names {name} {version}, which has no file")
    if forgotten := sorted(prompts.keys() - active.keys()):
        raise ConfigError(f"{path} has no line for {', '.join(forgotten)}")
    return active
