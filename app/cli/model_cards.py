"""What is known of the models that the settings use, without loading any of them."""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from app.core.settings import Settings

ROLES = ("embedding", "reranking", "reader", "chat")
OURS = "Apache-2.0"
Kind = Literal["bundled", "fastembed", "sentence-transformers", "API", "none"]

_NO_LIMIT = 1_000_000  # what tokenizers say that have none is far beyond
_LICENCE = re.compile(r"^licen[sc]e:\s*(\S+)\s*$", re.MULTILINE)
_FRONT_MATTER = 4000  # characters


@dataclass(frozen=True, slots=True)
class ModelCard:
    """A model in its role. None is what cannot be told without loading or fetching it.

    Args:
        size_bytes: Of its files on this machine; None where there are none yet.
        dimensions: Length of its vectors, where it makes any.
        max_tokens: How much of a text it reads.
    """

    role: str
    name: str
    kind: Kind
    size_bytes: int | None = None
    dimensions: int | None = None
    max_tokens: int | None = None
    licence: str | None = None


def cards(settings: Settings) -> list[ModelCard]:
    """A card for each role, in order."""
    return [_embedding(settings), _reranking(settings), _reader("reader"), _chat(settings)]


def _embedding(settings: Settings) -> ModelCard:
    from app.adapters import bundled

    model = settings.embedding.model
    if model != "bundled":
        return _other("embedding", model)
    return ModelCard(
        "embedding",
        bundled.NAME,
        "bundled",
        size_bytes=_size(bundled.FOLDER),
        dimensions=bundled.DIMENSIONS,
        max_tokens=bundled.MAX_TOKENS,
        licence=OURS,
    )


def _reranking(settings: Settings) -> ModelCard:
    model = settings.reranking.model
    match model:
        case "none":
            return ModelCard("reranking", "none", "none")
        case "bundled":
            return _reader("reranking")
        case _:
            return _other("reranking", model)


def _reader(role: str) -> ModelCard:
    from app.adapters import bundled

    return ModelCard(
        role,
        bundled.READER_NAME,
        "bundled",
        size_bytes=_size(bundled.READER_FOLDER),
        max_tokens=bundled.READER_TOKENS,
        licence=OURS,
    )


def _chat(settings: Settings) -> ModelCard:
    if not settings.has_chat_model:
        return ModelCard("chat", "none", "none")
    return ModelCard("chat", settings.chat.model, "API")


def _other(role: str, model: str) -> ModelCard:
    """One that fastembed knows, or else sentence-transformers' affair."""
    known = _known_to_fastembed(role, model)
    folder = _fastembed_folder(known) if known else _folder(model)
    told = _read(folder) if folder else {}
    return ModelCard(
        role,
        model,
        "fastembed" if known else "sentence-transformers",
        size_bytes=_size(folder) if folder else None,
        dimensions=(known.get("dim") or told.get("dimensions")) if role == "embedding" else None,
        max_tokens=told.get("max_tokens"),
        licence=known.get("license") or told.get("licence"),
    )


def _known_to_fastembed(role: str, model: str) -> Mapping[str, Any]:
    """fastembed's own entry; empty when it has none."""
    from fastembed import TextEmbedding
    from fastembed.rerank.cross_encoder import TextCrossEncoder

    library = TextEmbedding if role == "embedding" else TextCrossEncoder
    entries: Sequence[Mapping[str, Any]] = library.list_supported_models()
    return next((e for e in entries if e["model"].lower() == model.lower()), {})


def _fastembed_folder(entry: Mapping[str, Any]) -> Path | None:
    """Where fastembed keeps a model that it has fetched: as the hub does, or by its name."""
    cache = Path(
        os.environ.get("FASTEMBED_CACHE_PATH") or Path(tempfile.gettempdir()) / "fastembed_cache"
    )
    source = entry["sources"]["hf"] or entry["model"]
    plain = cache / source.rpartition("/")[2]
    return _snapshot(source, cache) or (plain if plain.is_dir() else None)


def _folder(model: str) -> Path | None:
    """The folder that a model is given by, or the hub's copy of it."""
    if Path(model).is_dir():
        return Path(model)
    return _snapshot(model) or _snapshot(f"sentence-transformers/{model}")


def _snapshot(source: str, cache: Path | None = None) -> Path | None:
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        found = try_to_load_from_cache(source, "config.json", cache_dir=cache)
    except HFValidationError:  # a path that leads nowhere
        return None
    return Path(found).parent if isinstance(found, str) else None


def _read(folder: Path) -> dict[str, Any]:
    """What a model's own files tell of it."""
    config = _json(folder / "config.json")
    dense = [_json(file) for file in sorted(folder.glob("*_Dense/config.json"))]
    widths = [config.get("hidden_size"), *(layer.get("out_features") for layer in dense)]
    limits = (
        _json(folder / "sentence_bert_config.json").get("max_seq_length"),
        _json(folder / "tokenizer_config.json").get("model_max_length"),
        config.get("max_position_embeddings"),
    )
    licence = _LICENCE.search(_text(folder / "README.md")[:_FRONT_MATTER])
    return {
        "dimensions": widths[-1],
        "max_tokens": next((n for n in limits if isinstance(n, int) and n < _NO_LIMIT), None),
        "licence": licence[1] if licence else None,
    }


def _json(file: Path) -> dict[str, Any]:
    """An object in a file; empty where there is none: `check` says what is damaged."""
    try:
        found = json.loads(_text(file))
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _text(file: Path) -> str:
    try:
        return file.read_text("utf-8", errors="replace")
    except OSError:
        return ""


def _size(place: Path) -> int:
    files = place.rglob("*") if place.is_dir() else [place]
    return sum(file.stat().st_size for file in files if file.is_file())
