"""Check each sentence as it is completed, and release it once it is proved."""

from __future__ import annotations

from typing import Any

from langgraph.runtime import Runtime

from app.core.errors import FootnoteError
from app.core.exchange import Delta
from graphs.citations import CitationBook
from graphs.context import Checked, Context
from graphs.state import State


async def verify(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    """Draw the draft to its end.

    A sentence without support is withheld. When nothing stands, the reasons become the
    feedback of the next draft. Nothing that was released is ever taken back.
    """
    draft = state["draft"]
    if draft is None:
        return {"verdict": "nothing", "checked": []}
    context, book = runtime.context, CitationBook()
    kept: list[Checked] = []
    reasons: list[str] = []
    broken = ""
    try:
        async for sentence in draft:
            checked = await context.skills.verifier.verify(
                state["standalone"], sentence, state["evidence"], context.run
            )
            if checked.supported is False:
                reasons.append(f"“{sentence.text}”: {checked.why}")
                continue
            text = book.add(checked)
            runtime.stream_writer(Delta(f" {text}" if kept else text))
            kept.append(checked)
    except FootnoteError as error:
        broken = error.message
        count = "1 sentence" if len(kept) == 1 else f"{len(kept)} sentences"
        context.run.skip("generate", f"{error.message} after {count}")
    if kept:
        for reason in reasons:
            context.run.skip("verify", f"withheld {reason}")
        whole = not broken and all(checked.supported for checked in kept)
        verdict = "proved" if whole else "unverified"
    else:
        verdict = "broken" if broken else "unsupported"
    return {"verdict": verdict, "checked": kept, "feedback": "\n".join(reasons), "draft": None}
