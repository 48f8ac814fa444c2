"""The checkpoint: what a turn of a conversation leaves on disk."""

from __future__ import annotations

from statistics import mean

from eval.bench.child import measure, say
from eval.bench.result import Bar, Outcome, Row
from eval.bench.sizes import Sizes

_BYTES_A_TURN = 4096


def run(sizes: Sizes) -> Outcome:
    """Weigh the file of one long conversation after every turn."""
    say(f"checkpoint: a conversation of {sizes.conversation} turns")
    found = measure("checkpoint_growth", turns=sizes.conversation)
    file, other_file = _growth(found["ours"]["file"]), _growth(found["other"]["file"])
    stored, other_stored = _growth(found["ours"]["stored"]), _growth(found["other"]["stored"])
    return Outcome(
        "checkpoint",
        ours="Footnote: extractive answers over the sample handbook",
        other="LangGraph with documents in state, default durability, no pruning",
        rows=[
            Row("file growth a turn", "bytes", file, other_file),
            Row("stored values a turn", "bytes", stored, other_stored),
        ],
        bars=[Bar("checkpoint, bytes of the file a turn", file, _BYTES_A_TURN)],
        notes=[
            f"{sizes.conversation} turns of one conversation, {mean(found['chars']):.0f} "
            "characters of question and answer each on average",
        ],
    )


def _growth(weights: list[int]) -> float:
    return (weights[-1] - weights[0]) / (len(weights) - 1)
