"""One index, a server that holds it, and commands that work on it at the same time.

Nothing here is replaced by a fake: servers and commands are processes of their own.
"""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.cli.conftest import Outcome, Run
from tests.support.paths import ROOT

QUESTION = "How many days of paid leave do full-time employees get a year?"
LEAVE = "# Leave\n\nFull-time employees get 25 days of paid leave a year.\n"
MAIN = [sys.executable, "-m", "app.cli.main"]
MANY = 24


class Server:
    """`footnote serve` in a folder."""

    def __init__(self, folder: Path, log: Path) -> None:
        self._log = log.open("ab")
        self.process = subprocess.Popen(
            [*MAIN, "serve", "--port", "0"],
            cwd=folder,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )
        assert self.process.stdout
        line = self.process.stdout.readline()
        assert line, log.read_text()[-2000:]
        self.http = httpx.Client(base_url=line.split()[-1], timeout=60)

    def end(self, number: signal.Signals) -> int:
        self.http.close()
        self.process.send_signal(number)
        status = self.process.wait(timeout=60)
        assert self.process.stdout
        self.process.stdout.close()
        self._log.close()
        return status

    def job(self, path: str) -> dict[str, Any]:
        view: dict[str, Any] = self.http.get(path).json()
        return view

    def ended(self, path: str) -> dict[str, Any]:
        until(lambda: self.job(path)["state"] not in ("queued", "running"))
        return self.job(path)

    def handed_over(self) -> str:
        """The path of the newest job, once it runs."""
        until(lambda: any(job["state"] == "running" for job in self._jobs()))
        return f"/v1/jobs/{self._jobs()[0]['job_id']}"

    def _jobs(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.http.get("/v1/jobs").json()["data"]
        return found


@contextmanager
def serving(folder: Path) -> Iterator[Server]:
    server = Server(folder, folder / "server.log")
    try:
        yield server
    finally:
        if server.process.poll() is None:
            server.end(signal.SIGTERM)
    assert "Traceback" not in (folder / "server.log").read_text()


def environment() -> dict[str, str]:
    # These tests ask more often than a client should.
    return {**os.environ, "PYTHONPATH": str(ROOT), "FOOTNOTE_API__RATE_LIMIT": "none"}


@pytest.fixture
def footnote(tmp_path: Path) -> Run:
    """Run a command in the server's folder."""

    def run(*arguments: str, **more: str) -> Outcome:
        done = subprocess.run(
            [*MAIN, *arguments],
            cwd=tmp_path,
            env={**environment(), **more},
            capture_output=True,
            encoding="utf-8",
            timeout=200,
        )
        return Outcome(done.returncode, done.stdout, done.stderr)

    return run


def until(holds: Callable[[], bool], seconds: float = 100) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.05)


def ingesting(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    """A command that is going on."""
    return subprocess.Popen(
        [*MAIN, "ingest", *arguments],
        cwd=folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def left(process: subprocess.Popen[str]) -> Outcome:
    out, err = process.communicate(timeout=100)
    return Outcome(process.returncode, out, err)


def write_many(folder: Path) -> Path:
    docs = folder / "many"
    docs.mkdir()
    for number in range(MANY):
        facts = (f"Machine {number} has part {part}. " * 40 for part in range(10))
        (docs / f"{number}.md").write_text(f"# Machine {number}\n\n" + "\n\n".join(facts))
    return docs


def held(listed: Outcome) -> dict[str, int]:
    return {Path(document["source"]).name: document["chunks"] for document in listed.document}


def test_a_command_goes_through_the_server_and_nobody_can_tell(
    footnote: Run, tmp_path: Path
) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "leave.md").write_text(LEAVE)
    (docs / "travel.md").write_text("# Travel\n\nTrains before planes.\n")
    (docs / "broken.pdf").write_bytes(b"%PDF-1.7 broken")
    alone = footnote("ingest", "docs", "--json", "--tag", "a=b", FOOTNOTE_DATA_DIR="alone")

    with serving(tmp_path) as server:
        note = tmp_path / ".footnote" / "server.json"
        assert stat.S_IMODE(note.stat().st_mode) == 0o600

        through = footnote("ingest", "docs", "--json", "--tag", "a=b")
        assert (through.status, through.err) == (alone.status, alone.err)
        for report in (through.document, alone.document):
            del report["seconds"]
        same = [dict(outcome.document, seconds=0) for outcome in (through, alone)]
        assert same[0] == same[1]
        assert through.status == 1 and "broken.pdf" in through.err

        (docs / "broken.pdf").unlink()
        again = footnote("ingest", "docs", "--tag", "a=b")
        assert again.status == 0 and "2 unchanged" in again.out and again.err == ""
        (docs / "travel.md").unlink()
        synced = footnote("ingest", "docs", "--sync", "--yes", "--tag", "a=b", "--json")
        assert synced.document["documents"]["deleted"] == 1
        other = footnote("ingest", "docs", "--tenant", "other", "--json")
        assert other.document["documents"]["added"] == 1

        (document,) = footnote("documents", "list", "--json").document
        assert document["tags"] == {"a": "b"}
        assert server.http.get(f"/v1/documents/{document['document_id']}").status_code == 200
        (passage, *_) = footnote("search", "paid leave", "--json").document["passages"]
        assert "25 days" in passage["text"]
        asked = footnote("ask", QUESTION, "--json", "--trace")
        assert "25 days" in asked.document["answer"]
        assert "retrieve" in asked.err
        refused = footnote("search", "leave", "--tenant", "other")
        assert refused.status == 1 and "tenant default alone" in refused.error
        lost = ("why-not", QUESTION, "--document", document["document_id"], "--json")
        assert footnote(*lost).document["evidence"] == [1]
        assert footnote(*lost, "--tenant", "other").document["lost_at"] == "index"
        missing = footnote("ingest", "nowhere")
        assert missing.status == 1 and "nothing is there" in missing.err
        assert footnote("documents", "delete", document["document_id"]).status == 0
        assert footnote("documents", "show", document["document_id"]).status == 1
        assert server.end(signal.SIGTERM) == 0
        assert not note.exists()
    (kept,) = footnote("documents", "list", "--tenant", "other", "--json").document
    assert kept["title"] == "Leave"


def test_killed_in_the_middle_of_a_job_it_goes_on_by_itself(footnote: Run, tmp_path: Path) -> None:
    docs = write_many(tmp_path)
    footnote("ingest", str(docs), FOOTNOTE_DATA_DIR="undisturbed")
    wanted = held(footnote("documents", "list", "--json", FOOTNOTE_DATA_DIR="undisturbed"))
    assert len(wanted) == MANY
    with serving(tmp_path) as server:
        command = ingesting(tmp_path, str(docs))
        job = server.handed_over()
        files = {"file": ("leave.md", LEAVE.encode())}
        upload = server.http.post("/v1/documents", files=files).headers["location"]
        until(lambda: server.job(job)["progress"]["done"] > 0)
        assert server.job(job)["state"] == "running"
        server.end(signal.SIGKILL)
        told = left(command)
        assert told.status == 1
        assert "stopped in the middle" in told.error and "run the same command" in told.error
    with serving(tmp_path) as server:  # beside the note of the dead one
        done = server.ended(job)
        assert done["state"] == "done", done
        assert sum(done["report"]["documents"].values()) == MANY
        assert server.ended(upload)["report"]["documents"]["added"] == 1
        assert [*(tmp_path / ".footnote" / "uploads").iterdir()] == []
        found = held(footnote("documents", "list", "--json"))
    assert found == {**wanted, "leave.md": 1}


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_who_stops_waiting_stops_the_job(
    footnote: Run, tmp_path: Path, number: signal.Signals, status: int
) -> None:
    docs = write_many(tmp_path)
    with serving(tmp_path) as server:
        command = ingesting(tmp_path, str(docs), "--json")
        job = server.handed_over()
        command.send_signal(number)
        told = left(command)
        assert (told.status, told.out) == (status, "")
        assert told.err == (
            "stopped on the server; finished documents are kept, "
            "run the same command again to go on\n"
        )
        assert server.ended(job)["state"] == "cancelled"

        command = ingesting(tmp_path, str(docs))  # and if somebody else stops it
        server.http.delete(server.handed_over())
        told = left(command)
        assert told.status == 1 and "cancelled" in told.error


def test_questions_are_answered_while_documents_come_in(tmp_path: Path) -> None:
    docs = write_many(tmp_path)
    with serving(tmp_path) as server:
        text = {"source": "leave", "title": "Leave", "text": LEAVE}
        assert server.ended(server.http.post("/v1/documents", json=text).headers["location"])
        command = ingesting(tmp_path, str(docs), "--json")
        job = server.handed_over()
        answered = 0
        while server.job(job)["state"] == "running":
            found = server.http.post("/v1/search", json={"query": "paid leave", "k": 1}).json()
            assert "25 days" in found["passages"][0]["text"]
            answered += 1
        assert answered > 1
        assert left(command).document["documents"]["added"] == MANY


def test_documents_come_in_over_http(footnote: Run, tmp_path: Path) -> None:
    with serving(tmp_path) as server:

        def sent(**request: Any) -> dict[str, Any]:
            return server.ended(server.http.post("/v1/documents", **request).headers["location"])

        parts = [
            ("files", ("../../leave.md", LEAVE.encode())),
            ("files", ("broken.pdf", b"%PDF-1.7 broken")),
            ("files", ("empty.txt", b"")),
        ]
        report = sent(files=parts, data={"tags": "team=hr"})["report"]
        assert report["documents"]["added"] == 1 and report["documents"]["failed"] == 2
        assert {failure["source"] for failure in report["failures"]} == {"broken.pdf", "empty.txt"}
        changed = LEAVE.replace("25", "30")
        report = sent(files={"file": ("leave.md", changed.encode())}, data={"tags": "team=hr"})
        assert report["report"]["documents"]["updated"] == 1
        text = {"source": "https://wiki/x.pdf?a=b", "text": "Ice cream is free on Fridays. 🍦\n"}
        assert sent(json=text)["report"]["documents"]["added"] == 1

        listed = server.http.get("/v1/documents").json()["data"]
        assert {document["source"] for document in listed} == {"leave.md", text["source"]}
        (wiki,) = (one for one in listed if one["source"] == text["source"])
        whole = server.http.get(f"/v1/documents/{wiki['document_id']}/text").json()
        assert whole["text"] == text["text"]
        answer = footnote("ask", QUESTION, "--json").document
        assert "30 days" in answer["answer"]


@pytest.mark.parametrize("stale", ["dead", "elsewhere", "nonsense"])
def test_a_note_that_a_dead_server_left_disturbs_nobody(
    footnote: Run, tmp_path: Path, free_port: int, stale: str
) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as over:
        over.wait()
    note = {
        "url": f"http://127.0.0.1:{free_port}",
        "tenant": "default",
        "pid": over.pid if stale == "dead" else os.getpid(),
        "token": "t",
    }
    (tmp_path / ".footnote").mkdir()
    text = "{" if stale == "nonsense" else json.dumps(note)
    (tmp_path / ".footnote" / "server.json").write_text(text)
    (tmp_path / "leave.md").write_text(LEAVE)
    assert footnote("ingest", "leave.md", "--json").document["documents"]["added"] == 1


# Rebuilding


def test_the_server_answers_throughout_a_rebuild_and_from_the_new_index_afterwards(
    tmp_path: Path, footnote: Run
) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "leave.md").write_text(LEAVE, "utf-8")
    for number in range(MANY):
        (docs / f"{number}.md").write_text(f"# Rule {number}\n\nTea {number} is free.\n", "utf-8")
    assert footnote("ingest", "docs").status == 0
    with serving(tmp_path) as server:
        command = subprocess.Popen(
            [*MAIN, "index", "rebuild", "--json"],
            cwd=tmp_path,
            env=environment(),
            stdout=subprocess.PIPE,
            text=True,
        )
        answers = 0
        while command.poll() is None:
            found = server.http.post("/v1/search", json={"query": QUESTION}).json()["passages"]
            assert "25 days" in found[0]["text"]
            answers += 1
        assert command.stdout
        report = json.loads(command.stdout.read())
        command.stdout.close()

        assert (command.returncode, report["in_use"], report["embedded"]) == (0, True, 0)
        assert report["documents"] == MANY + 1
        assert answers > 1
        found = server.http.post("/v1/search", json={"query": QUESTION}).json()["passages"]
        assert "25 days" in found[0]["text"]
        (docs / "new.md").write_text("# New\n\nCoffee is free on Fridays.\n", "utf-8")
        assert footnote("ingest", "docs").status == 0
        found = server.http.post("/v1/search", json={"query": "coffee"}).json()["passages"]
        assert "Fridays" in found[0]["text"]


def test_a_rebuild_with_other_settings_waits_for_the_servers_restart(
    tmp_path: Path, footnote: Run
) -> None:
    (tmp_path / "leave.md").write_text(LEAVE * 40, "utf-8")
    assert footnote("ingest", "leave.md").status == 0
    smaller = {"FOOTNOTE_INGESTION__CHUNK_TOKENS": "100"}
    refused = footnote("search", "leave", **smaller)
    assert "footnote index rebuild" in refused.err
    with serving(tmp_path) as server:
        rebuilt = footnote("index", "rebuild", "--json", **smaller)
        assert (rebuilt.status, rebuilt.document["in_use"]) == (0, False), rebuilt.err
        found = server.http.post("/v1/search", json={"query": QUESTION}).json()["passages"]
        assert "25 days" in found[0]["text"]
        (tmp_path / "leave.md").write_text("# Leave\n\nNobody gets any.\n", "utf-8")
        assert footnote("ingest", "leave.md").status == 1, "the old index takes no changes"

    after = footnote("search", QUESTION, "--json", **smaller)
    assert "25 days" in after.document["passages"][0]["text"]
