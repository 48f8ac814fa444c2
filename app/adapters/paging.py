"""Points read some at a time, the same for both stores."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Sequence
from typing import Any

from app.adapters.fields import Condition


class Paged(ABC):
    """A store that can list points."""

    @abstractmethod
    async def _page(
        self,
        conditions: Sequence[Condition],
        *,
        fields: Sequence[str] | None = None,
        vectors: bool = False,
        offset: Any = None,
    ) -> tuple[Sequence[Any], Any]:
        """Some points, each with a `payload` of these fields and a `vector` by name, and
        where to go on; None at the end."""

    async def _pages(
        self, conditions: Sequence[Condition], **how: Any
    ) -> AsyncGenerator[Sequence[Any], None]:
        offset = None
        while True:
            points, offset = await self._page(conditions, offset=offset, **how)
            yield points
            if offset is None:
                return
