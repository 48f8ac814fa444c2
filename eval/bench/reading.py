"""Reading: short answers against the marked ones, and knowing when there is none."""

from __future__ import annotations

import tempfile
from pathlib import Path

from eval.bench.child import measure, say
from eval.bench.result import Bar, Outcome, Row
from eval.bench.sizes import Judged

_F1_GIVEN, _F1_FOUND = 65.0, 55.0
_AUC_GONE, _AUC_LOOK_ALIKE, _CALIBRATION = 0.90, 0.72, 0.05
_NEEDED = ("xquad", "squad2")


def run(judged: Judged) -> Outcome:
    """Read XQuAD in English, which nothing was learned from, and the held-out part of SQuAD 2."""
    missing = [name for name in _NEEDED if not (judged.data / name).is_dir()]
    if missing:
        return Outcome(
            "reading", notes=[f"no {', '.join(missing)} in {judged.data}: name it with --data"]
        )
    say("reading: xquad, squad2")
    with tempfile.TemporaryDirectory() as folder:
        found = measure(
            "reading_footnote",
            data=str(judged.data.absolute()),
            cache=str((judged.cache or Path(folder)).absolute()),
            asked=judged.questions * 4,
        )
    rows = [
        Row("F1 of the place, given the paragraph", "%", found["f1_given"]),
        Row("F1 of what is highlighted, all paragraphs to search", "%", found["f1_found"]),
        Row("… of all the sentences shown", "%", found["f1_whole"]),
        Row("answered", "%", 100 * found["answered"]),
        Row("ROC area, paragraph there or taken out", "", found["auc_gone"]),
        Row("ROC area, SQuAD 2's look-alikes", "", found["auc_look_alike"]),
        Row("calibration error", "", found["calibration"]),
    ]
    return Outcome(
        "reading",
        ours="Footnote: the extractive reader, without a chat model",
        rows=rows,
        bars=[
            Bar("reading, F1 given the paragraph", found["f1_given"], _F1_GIVEN, at_least=True),
            Bar("reading, F1 over the corpus", found["f1_found"], _F1_FOUND, at_least=True),
            Bar("reading, ROC area, taken out", found["auc_gone"], _AUC_GONE, at_least=True),
            Bar("reading, look-alikes", found["auc_look_alike"], _AUC_LOOK_ALIKE, at_least=True),
            Bar("reading, calibration error", found["calibration"], _CALIBRATION),
        ],
        notes=[
            f"XQuAD in English, {found['given']} questions where the paragraph is given, "
            f"{found['questions']} otherwise; an answer is what `ask` "
            "highlights in the sentences it shows, by default settings. SQuAD 2: two articles "
            f"that the reader did not learn from, {found['look_alikes']} questions. Calibration "
            "over both and xquad's taken-out ones"
        ],
    )
