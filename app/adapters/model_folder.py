"""A model given by name or folder: what to say when it is not there, or cannot be loaded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from app.core.errors import ConfigError

_SIGNS = ("config.json", "modules.json")  # one of them lies in every model's folder
_SPECIAL = 10  # tokens that a vocabulary has of itself, at the most
_ANEW = "delete its files and fetch them again, or set {setting} to `bundled`"


def refuse_missing(what: str, model: str, setting: str) -> None:
    """Raise ConfigError when `model` is a path that leads nowhere, or to no model.

    Asked before the libraries that load models: they would look for it on the network,
    and without them a user would install a large extra first to learn the same.
    """
    path = Path(model)
    if path.exists():
        if not any((path / sign).exists() for sign in _SIGNS):
            kind = "folder without a config.json" if path.is_dir() else "file: name its folder"
            raise ConfigError(
                f"the {what} {model!r} cannot be loaded: it is a {kind}",
                hint=f"name the folder of a whole model, or set {setting} to `bundled`",
            )
    elif path.is_absolute() or model.startswith("."):
        raise _not_found(what, model, setting)


def refuse_wordless(what: str, model: str, setting: str, tokenizer: Any) -> None:
    """Raise ConfigError for a model without its tokenizer's file.

    transformers makes one up that knows no word: every text would look alike.
    """
    if len(tokenizer) <= _SPECIAL:
        raise ConfigError(
            f"the {what} {model!r} cannot be loaded: its tokenizer is missing",
            hint=_ANEW.format(setting=setting),
        )


def unloadable(what: str, model: str, setting: str, error: Exception) -> ConfigError:
    """What to raise when a library could not load a model.

    Args:
        error: Its own. The libraries say OSError or ValueError of names that they do not
            find, and errors of their own of files that they cannot read.
    """
    if not Path(model).is_dir() and isinstance(error, (OSError, ValueError)):
        return _not_found(what, model, setting)
    return ConfigError(
        f"the {what} {model!r} cannot be loaded: a file of it is damaged or missing",
        hint=_ANEW.format(setting=setting),
    )


def _not_found(what: str, model: str, setting: str) -> ConfigError:
    return ConfigError(
        f"the {what} {model!r} cannot be loaded",
        hint=f"check its name or folder and the network, or set {setting} to `bundled`",
    )
