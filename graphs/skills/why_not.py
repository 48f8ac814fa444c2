"""Why a document is not in the evidence: its way through retrieval, stage by stage.

Every stage is the one that answers questions; here it is only asked for more, or for what it
left out. It is the way of the first search, on the question as it stands: where that finds
too little, an answer may search again in other words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from app.core.errors import NotFoundError
from app.core.exchange import Loss, Part, Stage, WhyNot
from app.core.types import Document, HybridQuery, Passage, Scope
from graphs.context import Context, Query
from graphs.nodes.retrieve import hybrid
from graphs.skills.filters import apart, narrowed
from graphs.skills.ranking import rank
from graphs.skills.select import LeftOut, aged, select

DEEP = 1000
"""How far down each search the document is looked for."""


async def why_not(question: str, document_id: str, context: Context) -> WhyNot:
    """What became of a document of the context's scope when a question was asked.

    Args:
        question: A standalone question.
        document_id: Another tenant's document is not told from one that is not there.
        context: The parts that would answer the question.
    """
    way = _Way(question, document_id, context, context.scope)
    for stage in (way.index, way.filters, way.search, way.ranking, way.choice, way.budget):
        if not await stage():
            break
    return WhyNot(
        question=question,
        document_id=document_id,
        title=way.document.title if way.document else None,
        lost_at=way.lost_at,
        reason=way.reason,
        evidence=way.evidence,
        stages=way.stages,
    )


@dataclass(slots=True)
class _Way:
    """The way of one document. Each stage says whether it goes on."""

    question: str
    document_id: str
    context: Context
    scope: Scope
    document: Document | None = None
    lost_at: Loss | None = None
    reason: str = ""
    evidence: list[int] = field(default_factory=list)
    stages: list[Stage] = field(default_factory=list)
    fused: list[Passage] = field(default_factory=list)
    ranked: list[Passage] = field(default_factory=list)
    chosen: list[Passage] = field(default_factory=list)

    async def index(self) -> bool:
        """Whether the tenant has it."""
        self.document = await self._seen_in(Scope(self.scope.tenant))
        if self.document is None:
            self.stages.append(Stage(stage="index", kept=False))
            return self._lost("index", "the index holds no such document")
        self.stages.append(Stage(stage="index", kept=True, of=self.document.chunks))
        return True

    async def filters(self) -> bool:
        """Whether the filters let it through, each asked by itself."""
        scope = self.scope
        for name, value in scope.filters.items():
            if not await self._seen_in(Scope(scope.tenant, {name: value})):
                wanted = value if isinstance(value, str) else " or ".join(value)
                self.stages.append(Stage(stage="filter", kept=False, why=f"{name}={wanted}"))
                return self._lost("filter", f"the filter {name}={wanted} keeps it out")
        if scope.filters:
            self.stages.append(Stage(stage="filter", kept=True))
        return await self._narrowing()

    async def _narrowing(self) -> bool:
        """Whether it is one of the documents that the question itself means."""
        meant = await narrowed(self.question, self.context)
        if not meant:
            return True
        inside = replace(self.scope, narrowed=meant)
        if not await self.context.store.search(await self._asked(), inside):
            why = f"nothing is {meant}, as the question asks: searched without"
            self.stages.append(Stage(stage="filter", kept=True, why=why))
            return True
        self.scope = inside
        for part in apart(meant):
            if not await self._seen_in(Scope(inside.tenant, narrowed=part)):
                self.stages.append(Stage(stage="filter", kept=False, why=f"asked for: {part}"))
                return self._lost("filter", f"the question asks for what is {part}; this is not")
        self.stages.append(Stage(stage="filter", kept=True, why=f"asked for: {meant}"))
        return True

    async def _asked(self) -> HybridQuery:
        query = Query(self.question, self.question)
        return await hybrid(query, self.context, self.scope, most=self.context.retrieval.k)

    async def search(self) -> bool:
        """Whether a search finds it, and the fusion puts it high enough."""
        asked = await self._asked()
        places = [
            await self._searched("dense", replace(asked, weights=(asked.weights[0], 0.0))),
            await self._searched("bm25", replace(asked, weights=(0.0, asked.weights[1]))),
        ]
        all_of_it = replace(asked, limit=2 * asked.depth)
        everything = await self.context.store.search(all_of_it, self.scope)
        self.fused = everything[: asked.limit]
        stage = self._stage("fusion", everything, cut=asked.limit)
        self.stages.append(stage)
        if stage.rank is None:
            why = f"neither search finds it among its best {asked.depth}"
            return self._lost("search", f"{why}: {', '.join(places)}")
        if not stage.kept:
            why = f"the fusion puts it at {stage.rank}, and the best {asked.limit} go on"
            return self._lost("fusion", f"{why}; {', '.join(places)}")
        return True

    async def ranking(self) -> bool:
        """Where the reranker and its age put it; neither leaves anything out."""
        context = self.context
        self.ranked = await rank(
            self.question, self.fused, reranker=context.reranker, settings=context.reranking
        )
        if context.reranker:
            self.stages.append(self._stage("rerank", self.ranked))
        if half_life := context.retrieval.decay_half_life_days:
            self.stages.append(self._stage("age", aged(self.ranked, half_life)))
        return True

    async def choice(self) -> bool:
        """Whether it is among those that go on to the answer."""
        most, left_out = self.context.retrieval.k, list[LeftOut]()
        self.chosen = await self._select(left_out=left_out)
        stage = self._stage("choice", self.chosen, cut=most)
        if stage.rank is None:
            return await self._left_out(stage, left_out)
        joined = [p for p in self.ranked if _holds(self.chosen[stage.rank - 1], p)]
        why = f"{len(joined)} chunks joined" if len(joined) > 1 else ""
        self.stages.append(stage.model_copy(update={"why": why}))
        return True

    async def budget(self) -> bool:
        """Whether it is in the evidence, and how much of it."""
        budget = self.context.answer.context_tokens
        compressor = self.context.skills.compressor
        evidence = await compressor.compress(self.question, self.chosen, budget)
        mine = [item for item in evidence if self._is_mine(item.passage)]
        stage = self._stage("budget", [item.passage for item in evidence])
        limit = f"the budget of {budget} tokens (answer.context_tokens)"
        if not mine:
            self.stages.append(stage.model_copy(update={"kept": False}))
            return self._lost("budget", f"{limit} has no room for it")
        self.evidence = [item.number for item in mine]
        trimmed = [item for item in mine if item.text != item.passage.text]
        why = "; ".join(
            f"passage {item.number} has {len(item.text)} of {len(item.passage.text)} characters"
            for item in trimmed
        )
        self.stages.append(stage.model_copy(update={"kept": True, "why": why}))
        numbers = " and ".join(map(str, self.evidence))
        self.reason = f"it is in the evidence, as passage {numbers}"
        if trimmed:
            self.reason += f"; by {limit}, {why}"
        return True

    async def _searched(self, name: str, asked: HybridQuery) -> str:
        """Look for it in one search alone, further down than the fusion does."""
        way = "by meaning" if name == "dense" else "by words"
        if not any(asked.weights):
            self.stages.append(Stage(stage=name, kept=False, why="turned off"))
            return f"{way} nothing is searched"
        deep = max(DEEP, asked.depth)
        found = await self.context.store.search(replace(asked, limit=deep, depth=deep), self.scope)
        stage = self._stage(name, found, cut=asked.depth)
        why = f"it is not among the best {len(found)}"
        if name == "bm25" and len(found) < deep:
            why = "it shares no word with the question"
        if stage.rank is not None:
            why = f"it is number {stage.rank}"
        self.stages.append(stage.model_copy(update={"why": "" if stage.rank else why}))
        return f"{way} {why}"

    async def _left_out(self, stage: Stage, left_out: Sequence[LeftOut]) -> bool:
        """What befell its best chunk when the passages were chosen."""
        settings = self.context.retrieval
        order = aged(self.ranked, settings.decay_half_life_days)
        best = next(passage for passage in order if self._is_mine(passage))
        fate = next(entry for entry in left_out if _holds(best, entry.passage))
        other = _part(fate.other) if fate.other else None
        self.stages.append(_with(stage, best).model_copy(update={"other": other}))
        if fate.why == "near_copy" and fate.other:
            name = fate.other.context
            return self._lost(
                "near_copy",
                f"{fate.likeness:.0%} of its best chunk stands in “{name}”, ranked above it",
            )
        at, place = _place(order, best), _place(self.ranked, best)
        if fate.why == "mmr":
            why = f"it is like what ranks above it: at {at}, it stood back for more novel passages"
            return self._lost("mmr", why)
        if await self._is_lost_to_age():
            why = f"its age puts it at {at}, where it was at {place}"
            return self._lost("age", f"{why}, and the best {settings.k} go on")
        before = _place(self.fused, best)
        was_read = best.scores.rerank is not None
        if not (was_read or best.voices):
            most = f"the best {settings.k} go on"
            if self.context.reranker:
                most = f"the {self.context.reranking.depth} most promising are reranked"
            return self._lost("fusion", f"the fusion puts it at {before}, and {most}")
        by = "the reranker" if was_read else "the final score, too low to be worth reading it,"
        why = f"{by} puts it at {place}, where the fusion had it at {before}"
        return self._lost("rerank", f"{why}, and the best {settings.k} go on")

    async def _is_lost_to_age(self) -> bool:
        """Whether it would go on if documents did not age."""
        ageless = await self._select(decay_half_life_days=0.0)
        return any(map(self._is_mine, ageless))

    async def _select(
        self, left_out: list[LeftOut] | None = None, **changes: float
    ) -> list[Passage]:
        settings = self.context.retrieval.model_copy(update=changes)
        return await select([self.ranked], most=settings.k, settings=settings, left_out=left_out)

    async def _seen_in(self, scope: Scope) -> Document | None:
        try:
            return await self.context.store.document(self.document_id, scope)
        except NotFoundError:
            return None

    def _stage(self, name: str, order: Sequence[Passage], *, cut: int | None = None) -> Stage:
        """Where the document's best chunk stands in an order."""
        place = next((n for n, p in enumerate(order, start=1) if self._is_mine(p)), None)
        stage = Stage(
            stage=name,
            kept=None if cut is None else place is not None and place <= cut,
            rank=place,
            of=len(order),
            cut=cut,
        )
        return _with(stage, order[place - 1]) if place else stage

    def _is_mine(self, passage: Passage) -> bool:
        return passage.document_id == self.document_id

    def _lost(self, at: Loss, reason: str) -> bool:
        self.lost_at, self.reason = at, reason
        return False


def _with(stage: Stage, best: Passage) -> Stage:
    """The stage with the document's best chunk and what is said of it there."""
    alone = {"dense": best.scores.dense, "bm25": best.scores.bm25}
    found: dict[str, object] = {"passage": _part(best)}
    if stage.stage in alone:
        found["score"] = alone[stage.stage]
    else:
        found |= {"score": best.score, "scores": best.scores}
    return stage.model_copy(update=found)


def _holds(passage: Passage, chunk: Passage) -> bool:
    """Whether a chunk is in a passage, which may be several chunks joined."""
    same = passage.document_id == chunk.document_id
    return same and passage.start <= chunk.start and chunk.end <= passage.end


def _place(order: Sequence[Passage], wanted: Passage) -> int:
    return next(n for n, passage in enumerate(order, start=1) if _holds(passage, wanted))


def _part(passage: Passage) -> Part:
    return Part(**{name: getattr(passage, name) for name in Part.model_fields})
