"""The checks of `footnote models check`: each model is loaded and has to do its work once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from app.cli.model_cards import ModelCard, cards
from app.core.errors import FootnoteError, NotFoundError, PermanentError, TransientError

if TYPE_CHECKING:
    from app.core.ports import DenseEncoder
    from app.core.settings import Settings

T = TypeVar("T")

QUESTION = "How many days of paid leave do full-time employees get?"
TEXT = "Full-time employees get 25 days of paid leave a year."
_NEAR = 0.01  # how far the length of a vector may be from 1


@dataclass(frozen=True, slots=True)
class Checked:
    """What became of a model, or of the index beside it. `off` is one that is not set.

    Args:
        ms: Milliseconds of one call, after a first one; None where there was none.
    """

    role: str
    name: str
    kind: str
    state: Literal["ok", "off", "problem"]
    detail: str
    hint: str = ""
    ms: float | None = None


async def examine(settings: Settings) -> list[Checked]:
    """All models, and whether the index was made with the one that is set.

    The chat model is called once, which may cost a fraction of a cent.
    """
    async with AsyncExitStack() as stack:
        trial = _Trial(settings, stack)
        embedding, *others = cards(settings)
        index = ModelCard("index", "index", "none")
        work = [trial.reranking, trial.reader, trial.chat]
        return [
            await _checked(embedding, trial.embedding),
            await _checked(index, trial.index),
            *[await _checked(card, each) for card, each in zip(others, work, strict=True)],
        ]


class _NotSet(Exception):
    """There is nothing to check; says why."""


@dataclass(frozen=True, slots=True)
class _Worked:
    detail: str
    ms: float | None = None


async def _checked(card: ModelCard, work: Callable[[], Awaitable[_Worked]]) -> Checked:
    """What came of a model's work; one that is broken must not hide the others."""
    about = card.role, card.name, card.kind
    try:
        worked = await work()
    except _NotSet as reason:
        return Checked(*about, "off", str(reason))
    except FootnoteError as error:
        return Checked(*about, "problem", error.message, error.hint)
    except Exception as error:  # noqa: BLE001 - whatever it is, the model is of no use
        return Checked(*about, "problem", f"it does not work ({type(error).__name__})")
    return Checked(*about, "ok", worked.detail, ms=worked.ms)


class _Trial:
    """Puts the models to work, each loaded as the service loads it."""

    def __init__(self, settings: Settings, stack: AsyncExitStack) -> None:
        self._settings = settings
        self._stack = stack
        self._dense: DenseEncoder | None = None

    async def embedding(self) -> _Worked:
        """One text to a vector, as long as it should be."""
        import numpy as np

        from app import parts

        dense = await self._opened(await asyncio.to_thread(parts.encoder, self._settings))
        vectors, ms = await _timed(lambda: dense.encode([TEXT]))
        lengths = np.linalg.norm(vectors, axis=1)
        if vectors.shape != (1, dense.dimensions) or not np.all(abs(lengths - 1) < _NEAR):
            raise PermanentError("its vectors are not of unit length", hint="use another model")
        self._dense = dense
        return _Worked(f"{dense.dimensions} dimensions, reads {dense.max_tokens} tokens", ms)

    async def index(self) -> _Worked:
        """What the index was made with; held by a server or not, it is only looked at."""
        from app import parts
        from app.adapters.bm25 import Bm25Encoder
        from app.adapters.mismatch import refuse_mismatch

        if self._dense is None:
            raise _NotSet("not compared with an embedding model that does not work")
        dense, wanted = self._dense, self._settings.ingestion
        sparse = Bm25Encoder(wanted.language, wanted.bm25_avg_len)
        chunker = parts.chunker(self._settings, dense)
        generations = parts.generations(self._settings, dense, sparse, chunker)
        try:
            made = await generations.made_with()
        except NotFoundError as error:
            raise _NotSet("there is none yet") from error
        embedded = not self._settings.qdrant.url
        way_out = "FOOTNOTE_DATA_DIR" if embedded else "FOOTNOTE_QDRANT__COLLECTION"
        refuse_mismatch(made, generations.fingerprint, what="it", way_out=way_out)
        return _Worked(f"made with {made['embedding']}, {made['dimensions']} dimensions")

    async def reranking(self) -> _Worked:
        """One pair to a probability."""
        from app import parts

        if self._settings.reranking.model == "none":
            raise _NotSet("the order is the fusion's")
        if self._settings.reranking.model == "bundled":
            return await self.reader()
        reranker = await self._opened(await asyncio.to_thread(parts.cross_encoder, self._settings))
        return await _probability(lambda: reranker.score(QUESTION, [TEXT]))

    async def reader(self) -> _Worked:
        """One pair to a probability, and the weights of all that goes with it."""
        from app.adapters.ranker import CalibratedRanker
        from app.adapters.reader import BundledReader
        from app.adapters.sentence_scorer import SentenceScorer

        if self._dense is None:
            raise PermanentError("it needs the embedding model", hint="mend that first")
        reader = await self._opened(await asyncio.to_thread(BundledReader))
        CalibratedRanker.load(reader)
        SentenceScorer.load(self._dense)
        return await _probability(lambda: reader.score(QUESTION, [TEXT]))

    async def chat(self) -> _Worked:
        """One word."""
        from app import parts

        if not self._settings.has_chat_model:
            raise _NotSet("answers are exact quotes")
        model = await asyncio.to_thread(parts.chat, self._settings)
        await self._opened(model)
        started = time.perf_counter()
        try:
            reply = await model.complete([{"role": "user", "content": "Say: ready"}], json=False)
        except TransientError as error:
            hint = error.hint or "check OPENAI_BASE_URL and the network"
            raise TransientError(error.message, hint=hint) from error
        if not reply.text.strip():
            raise PermanentError("it answers with nothing", hint="raise chat.max_output_tokens")
        return _Worked("it answers", _ms_since(started))

    async def _opened(self, part: Any) -> Any:
        self._stack.push_async_callback(part.close)
        return part


async def _probability(score: Callable[[], Awaitable[list[float]]]) -> _Worked:
    (found,), ms = await _timed(score)
    if not 0 <= found <= 1:
        raise PermanentError("its scores are not probabilities", hint="use another model")
    return _Worked(f"a fitting passage gets {found:.2f}", ms)


async def _timed(call: Callable[[], Awaitable[T]]) -> tuple[T, float]:
    """What a call gives, and its milliseconds; the first one warms up."""
    await call()
    started = time.perf_counter()
    return await call(), _ms_since(started)


def _ms_since(started: float) -> float:
    return round((time.perf_counter() - started) * 1000, 1)
