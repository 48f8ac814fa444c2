"""What becomes of documents that are nearly the same as another one in the index."""

from __future__ import annotations

from base64 import b64decode
from dataclasses import dataclass
from typing import Literal

from ingestion.near import NearDuplicates

NEAR_DUPLICATE = "near-duplicate:"
"""How the flag of such a document begins; the id of the other one follows."""


@dataclass(frozen=True, slots=True)
class CopyPolicy:
    """See the settings `ingestion.near_duplicates` and `ingestion.near_threshold`."""

    do: Literal["flag", "skip", "ignore"] = "flag"
    threshold: float = 0.9


class Copies:
    """The signatures of a tenant's documents. Signatures are in base64, empty where unknown."""

    def __init__(self, policy: CopyPolicy) -> None:
        self._known = None if policy.do == "ignore" else NearDuplicates(policy.threshold)
        self.unwanted = policy.do == "skip"

    def remember(self, document_id: str, signature: str) -> None:
        """A document is, or will be, in the index."""
        if self._known:
            self._known.add(document_id, b64decode(signature))

    def forget(self, document_id: str) -> None:
        """A document is no more."""
        if self._known:
            self._known.remove(document_id)

    def close(self) -> None:
        """Forget all."""
        if self._known:
            self._known.close()

    def flags(self, document_id: str, signature: str) -> list[str]:
        """The flag that names the nearest other document, if any is near."""
        found = self._known.find(b64decode(signature)) if self._known else []
        others = [key for key, _ in found if key != document_id]
        return [f"{NEAR_DUPLICATE}{others[0]}"] if others else []
