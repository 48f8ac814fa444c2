"""An index that was made otherwise than it would be made now."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from app.core.errors import ConfigError

if TYPE_CHECKING:
    from app.core.types import Scalar


def refuse_mismatch(
    made: Mapping[str, Scalar], ours: Mapping[str, Scalar], *, what: str, way_out: str = ""
) -> None:
    """Raise ConfigError when an index was made with another model, chunker or parser.

    Args:
        what: Names it.
        way_out: The setting that leads to another index; empty for one that is in a file.
    """
    differ = sorted(key for key in {*made, *ours} if made.get(key) != ours.get(key))
    if differ:
        details = ", ".join(f"{k}: {made.get(k)} there, {ours.get(k)} here" for k in differ)
        hint = f"run `footnote index rebuild`, restore that setting, or set another {way_out}"
        if not way_out:
            hint = "restore that setting, import it, then rebuild with `footnote index rebuild`"
        raise ConfigError(f"{what} was made otherwise ({details})", hint=hint)
