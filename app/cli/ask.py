"""`footnote ask`: a question, its answer and the proofs."""

from __future__ import annotations

import re
import sys
import textwrap
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli import options
from app.cli.console import count, heading_below, note, one_line, say, shorten, write_json
from app.cli.session import clean_stdout, use_footnote
from app.core.text import Span

if TYPE_CHECKING:
    from app.core.exchange import Step
    from app.core.types import Answer, Citation, Sentence
    from app.service import Footnote

DETAIL = 100
NOTES = {
    "abstained": "note: abstained, the documents do not answer this question",
    "unverified": "note: unverified, a check that should have run could not",
}


def ask(
    question: Annotated[
        str, typer.Argument(metavar="QUESTION", help="The question; - reads it from stdin.")
    ],
    tenant: options.Tenant = options.DEFAULT_TENANT,
    conversation: Annotated[
        str | None, typer.Option("--conversation", metavar="ID", help="Go on with a conversation.")
    ] = None,
    deadline_ms: Annotated[
        int | None,
        typer.Option(
            "--deadline-ms", metavar="N", min=1, help="Time for the answer, milliseconds."
        ),
    ] = None,
    trace: Annotated[bool, typer.Option("--trace", help="Show steps and times on stderr.")] = False,
    as_json: options.AsJson = False,
) -> None:
    """Answer a question from the documents, with its sources."""
    question = _read(question)

    async def work(footnote: Footnote) -> tuple[Answer, str]:
        from app.core.exchange import Ask, Delta, Done, Step
        from app.core.types import Scope

        request = Ask(
            question,
            Scope(tenant),
            conversation_id=conversation,
            deadline_ms=deadline_ms,
            trace=trace,
        )
        live = sys.stdout.isatty() and not as_json
        shown: list[str] = []
        answer: Answer | None = None
        async for event in footnote.stream(request):
            match event:
                case Delta() if live:
                    shown.append(event.text)
                    say(event.text, end="")
                case Step() if trace:
                    note(trace_line(event))
                case Done():
                    answer = event.answer
        if answer is None:
            raise RuntimeError("the stream ended without an answer")
        return answer, "".join(shown)

    with clean_stdout(as_json):
        answer, shown = use_footnote(work)
    if as_json:
        write_json(answer.model_dump(mode="json"))
        return
    _finish(answer, shown)
    if trace:
        note(summary(answer))
    note(f"conversation: {_command(answer.conversation_id, tenant)} QUESTION")


def source_line(citation: Citation) -> str:
    """`[1] Title, page 3, Heading — path`."""
    page = f"page {citation.page}" if citation.page is not None else ""
    heading = heading_below(citation.title, citation.heading)
    parts = [part for part in (citation.title, page, heading) if part]
    return one_line(f"[{citation.mark}] {', '.join(parts)} — {citation.source}")


def trace_line(step: Step) -> str:
    """A step, its time and what it reports."""
    details = [f"  {key}={shorten(str(value), DETAIL)}" for key, value in step.details.items()]
    return f"{step.node:<12} {step.ms:8.1f} ms{''.join(details)}"


def summary(answer: Answer) -> str:
    """What the answer took, in one line."""
    usage = answer.usage
    skipped = f"; skipped: {', '.join(answer.skipped)}" if answer.skipped else ""
    if not usage.llm_calls:
        return f"no model calls{skipped}"
    cost = "at an unknown price" if usage.cost_usd is None else f"for ${usage.cost_usd:.4f}"
    return (
        f"{count(usage.llm_calls, 'model call')}, {usage.input_tokens} tokens in, "
        f"{usage.output_tokens} out, {cost}{skipped}"
    )


def _read(question: str) -> str:
    text = sys.stdin.read() if question == "-" else question
    if not text.strip():
        raise typer.BadParameter("the question is empty", param_hint="QUESTION")
    return text.strip()


def _finish(answer: Answer, shown: str) -> None:
    """Print what the stream has not: the answer, unless it is on the screen, and the sources."""
    if shown:
        say()
    if shown.strip() != answer.answer.strip():
        say(answer.answer)
    clear = {mark: s for s in answer.sentences if s.highlight for mark in s.citations}
    for citation in answer.citations:
        say()
        say(source_line(citation))
        quote = textwrap.indent(citation.quote.strip("\n"), "    ")
        sentence = clear.get(citation.mark)
        say(quote, bold=answering(sentence, quote) if sentence else None)
    if answer.status in NOTES:
        note(NOTES[answer.status])


def answering(sentence: Sentence, quote: str) -> Span | None:
    """Where in a quote the words stand that the sentence highlights.

    The sentence is its quote on one line: words said twice are told apart by their turn.
    """
    if sentence.highlight is None:
        return None
    words = sentence.text[slice(*sentence.highlight)]
    turn = sentence.text.count(words, 0, sentence.highlight[0])
    places = [Span(*match.span()) for match in re.finditer(re.escape(words), quote)]
    return places[turn] if turn < len(places) else None


def _command(conversation_id: str, tenant: str) -> str:
    whose = "" if tenant == options.DEFAULT_TENANT else f" --tenant {tenant}"
    return f"{conversation_id}; go on with: footnote ask{whose} --conversation {conversation_id}"
