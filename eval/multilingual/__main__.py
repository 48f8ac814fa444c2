"""`python -m eval.multilingual [FOLDER]`: hit rates of each language, alone and all mixed."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from eval.multilingual.measure import hit_rates
from eval.multilingual.sets import XQUAD, read_japanese, read_xquad


async def table(folder: Path) -> list[str]:
    """Markdown: percent of the questions whose paragraph comes first, or among the first ten."""
    sets = [*read_xquad(folder), read_japanese()]
    mixed = await hit_rates(sets)
    lines = [
        "| language | paragraphs | questions | hit@1 | hit@10 | mixed: hit@1 | mixed: hit@10 |",
        "|---|---|---|---|---|---|---|",
    ]
    for one in sets:
        alone = (await hit_rates([one]))[one.language]
        figures = [f"{100 * rate:.1f}" for rate in (*alone, *mixed[one.language])]
        sizes = [str(len(one.paragraphs)), str(len(one.questions))]
        lines.append(f"| {' | '.join([one.language, *sizes, *figures])} |")
    return lines


if __name__ == "__main__":
    given = Path(sys.argv[1]) if len(sys.argv) > 1 else XQUAD
    if not any(given.glob("xquad.*.json")):
        sys.exit(f"error: nothing of XQuAD in {given}; name the folder that holds xquad.*.json")
    sys.stdout.write("\n".join(asyncio.run(table(given))) + "\n")
