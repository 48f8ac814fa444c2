"""A reply that streams in, cut into sentences with their marks.

Where a cut falls depends on the text alone, never on the pieces in which it arrives: a
full stop is judged only once what follows it is there. In doubt two sentences stay one,
which costs proof but loses nothing; half a sentence could say what was never written.
"""

from __future__ import annotations

import re

MARK = re.compile(r"\s*\[(\d{1,3}(?:\s*,\s*\d{1,3})*)\]")

_STOP = re.compile(r"[.!?…]+[\"'”’»)]*|[。！？]+[\"'”’」』）]*|\n")
_MARKS = re.compile(r"(?:[^\S\n]*\[\d[\d, ]*\][.!?。！？]?)*")
_MARKED = re.compile(r"\[\d[\d, ]*\]\s*\Z")
_UNFINISHED = re.compile(r"[^\S\n]*(?:\[[\d, ]*)?\Z")
_LETTER = re.compile(r"[^\W\d_]")
_FOLLOWS = re.compile(r"[^\S\n]*(.?)", re.DOTALL)
_ABBREVIATED = re.compile(
    r"(?:^|[^\w])(?:[^\W\d_]|mr|mrs|ms|dr|prof|st|no|nos|nr|art|abs|sec|fig|p|pp|vol|ch|cf|vs|al|"
    r"approx|ca|etc|inc|ltd|co|corp|dept|est|max|min|incl|excl|bzw|usw|bspw|ggf|vgl|evtl)\Z",
    re.IGNORECASE,
)


class SentenceStream:
    """Takes text in, gives whole sentences out."""

    def __init__(self) -> None:
        self._rest = ""

    def feed(self, text: str) -> list[str]:
        """The sentences that this piece completes, marks included."""
        self._rest += text
        return self._cut(ended=False)

    def end(self) -> list[str]:
        """What is left once the text has ended."""
        sentences = self._cut(ended=True)
        rest, self._rest = self._rest.strip(), ""
        return [*sentences, rest] if rest else sentences

    def _cut(self, *, ended: bool) -> list[str]:
        sentences: list[str] = []
        position = 0
        while stop := _STOP.search(self._rest, position):
            position = stop.end()
            if stop.group() != "\n":
                position = _MARKS.match(self._rest, stop.end()).end()  # type: ignore[union-attr]
                if not ended and _UNFINISHED.match(self._rest, position):
                    break
                if not self._ends(stop, position):
                    continue
            if sentence := self._rest[:position].strip():
                sentences.append(sentence)
            self._rest, position = self._rest[position:], 0
        return sentences

    def _ends(self, stop: re.Match[str], end: int) -> bool:
        """Whether a sentence ends at `stop`, whose marks reach to `end`."""
        before, after = self._rest[: stop.start()], self._rest[end:]
        if end > stop.end() or _MARKED.search(before) or stop.group()[0] in "。！？":
            return True
        if not after[:1].isspace() or not _LETTER.search(before):
            return False  # 4.50, footnote.toml; the number of a list's item
        follows = _FOLLOWS.match(after).group(1)  # type: ignore[union-attr]
        if follows.islower() or (stop.group().startswith(".") and follows.isdigit()):
            return False
        return stop.group() != "." or not _ABBREVIATED.search(before)
