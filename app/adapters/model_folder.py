"""A model given by its folder: is it there at all?"""

from __future__ import annotations

from pathlib import Path

from app.core.errors import ConfigError


def refuse_missing(what: str, model: str, setting: str) -> None:
    """Raise ConfigError when `model` is a path that leads nowhere.

    Asked before the libraries that load models: they would look for it on the network,
    and without them a user would install a large extra first to learn the same.
    """
    if (Path(model).is_absolute() or model.startswith(".")) and not Path(model).exists():
        raise ConfigError(
            f"the {what} {model!r} cannot be loaded",
            hint=f"check its name or folder, or set {setting} to `bundled`",
        )
