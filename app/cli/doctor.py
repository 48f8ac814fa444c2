"""`footnote doctor`: what works, what does not and what to do about it."""

from __future__ import annotations

from dataclasses import asdict

import typer

from app.cli import options
from app.cli.console import say, write_json, write_table
from app.cli.failures import FAILED
from app.cli.session import clean_stdout, run_async


def doctor(as_json: options.AsJson = False) -> None:
    """Check the set-up; costs nothing and calls no model."""
    from app.cli.checks import examine

    with clean_stdout(as_json):
        findings = run_async(examine())
    ok = all(finding.state != "problem" for finding in findings)
    if as_json:
        write_json({"ok": ok, "checks": [asdict(finding) for finding in findings]})
    else:
        rows = [[f.name, f.state, f.detail, f.hint] for f in findings]
        write_table(["part", "state", "what was found", "what to do"], rows)
        say("everything needed works" if ok else "something needed is broken")
    if not ok:
        raise typer.Exit(FAILED)
