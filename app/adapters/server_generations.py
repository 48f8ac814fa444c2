"""The generations of an index on a Qdrant server: collections, and which is in use.

The first generation is the collection of the index's own name. Later ones are numbered, and
an alias names the one in use: one request moves it. Another alias names the one before, on
which services may still be answering.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qdrant_client import AsyncQdrantClient

_CURRENT, _PREVIOUS = "-current", "-previous"


async def resolve(client: AsyncQdrantClient, index: str) -> str:
    """The collection that is in use."""
    return (await _aliases(client)).get(index + _CURRENT, index)


async def begin(client: AsyncQdrantClient, index: str) -> str:
    """The name of a new generation's collection, not made yet."""
    numbers = [int(c.rpartition("-g")[2]) for c in await _later(client, index)]
    return f"{index}-g{max(numbers, default=1) + 1}"


async def adopt(client: AsyncQdrantClient, index: str, generation: str) -> None:
    """Name the generation in use in one step."""
    from qdrant_client import models as m

    aliases = await _aliases(client)
    named = {index + _CURRENT: generation, index + _PREVIOUS: aliases.get(index + _CURRENT, index)}
    old = [m.DeleteAlias(alias_name=alias) for alias in named if alias in aliases]
    new = [m.CreateAlias(alias_name=alias, collection_name=c) for alias, c in named.items()]
    await client.update_collection_aliases(
        [
            *(m.DeleteAliasOperation(delete_alias=alias) for alias in old),
            *(m.CreateAliasOperation(create_alias=alias) for alias in new),
        ]
    )


async def sweep(client: AsyncQdrantClient, index: str) -> None:
    """Remove what was begun and never adopted, and what is older than the generation before."""
    aliases = await _aliases(client)
    if index + _CURRENT not in aliases:
        kept = {index}
    else:
        kept = {aliases[index + _CURRENT], aliases.get(index + _PREVIOUS, index)}
    for name in [index, *await _later(client, index)]:
        if name not in kept:
            await client.delete_collection(name)


async def _later(client: AsyncQdrantClient, index: str) -> list[str]:
    pattern = re.compile(re.escape(index) + r"-g\d+")
    found = (await client.get_collections()).collections
    return [collection.name for collection in found if pattern.fullmatch(collection.name)]


async def _aliases(client: AsyncQdrantClient) -> dict[str, str]:
    found = (await client.get_aliases()).aliases
    return {alias.alias_name: alias.collection_name for alias in found}
