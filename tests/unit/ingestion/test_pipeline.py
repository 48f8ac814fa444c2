"""Runs of the pipeline over the real embedded store: what changes, what stays, what is left."""

from __future__ import annotations

import asyncio
import os
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.core.exchange import Failure
from app.core.types import Chunk, Document, Scope
from ingestion.context import Contexts
from ingestion.copies import CopyPolicy
from tests.unit.ingestion import made
from tests.unit.ingestion.bench import HERE, Bench, counts, open_bench, stopped

# What changes


async def test_a_second_run_changes_and_embeds_nothing(bench: Bench) -> None:
    bench.write("leave.md", "# Leave\n\nFull-time employees get 28 days.\n")
    bench.write("travel.md", "# Travel\n\nFlights are booked early.\n")
    assert counts(await bench.run()) == (2, 0, 0, 0, 0)
    before, bench.encoder.seen = await bench.contents(), []

    report = await bench.run()

    assert (counts(report), report.chunks) == ((0, 0, 2, 0, 0), 0)
    assert bench.encoder.seen == []
    assert await bench.contents() == before


async def test_a_changed_file_answers_with_its_new_text_only(bench: Bench) -> None:
    bench.write("leave.md", "# Leave\n\nFull-time employees get 28 days.\n")
    bench.write("travel.md", "# Travel\n\nFlights are booked early.\n")
    await bench.run()
    bench.encoder.seen = []
    bench.write("leave.md", "# Leave\n\nFull-time employees get 30 days.\n")

    assert counts(await bench.run()) == (0, 1, 1, 0, 0)

    assert len(bench.encoder.seen) == 1
    found = await bench.found("days")
    assert any("30 days" in text for text in found)
    assert not any("28 days" in text for text in found)


async def test_a_file_that_shrinks_leaves_no_stale_chunks(bench: Bench) -> None:
    sections = "\n\n".join(
        f"# Rule {n}\n\n" + f"Rule {n} says so at length. " * 30 for n in range(9)
    )
    bench.write("rules.md", sections)
    await bench.run()
    assert (await bench.store.info()).chunks >= 9
    bench.write("rules.md", "# Rules\n\nThere are none.\n")

    assert counts(await bench.run()) == (0, 1, 0, 0, 0)

    assert (await bench.store.info()).chunks == 1
    assert await bench.found("Rule 7 says so") == ["# Rules\n\nThere are none.\n"]


async def test_a_file_saved_in_another_format_is_read_in_it(bench: Bench) -> None:
    file = bench.docs / "leave.docx"
    file.write_bytes(made.docx("Full-time employees get 28 days.", *["More."] * 400))
    await bench.run()
    file.rename(bench.docs / "leave.pdf")
    (bench.docs / "leave.pdf").write_bytes(made.pdf([["First."], ["Now 30 days."]]))

    assert counts(await bench.run(sync=True)) == (1, 0, 0, 1, 0)

    (document,) = await bench.store.documents(HERE)
    assert (document.pages, document.source) == (2, str(bench.docs / "leave.pdf"))
    assert (await bench.store.info()).chunks == document.chunks == 2


async def test_new_tags_are_an_update(bench: Bench) -> None:
    bench.write("leave.md", "# Leave\n\n28 days.\n")
    await bench.run(tags={"team": "hr"})
    assert counts(await bench.run(tags={"team": "hr"})) == (0, 0, 1, 0, 0)

    assert counts(await bench.run(tags={"team": "legal", "year": "2026"})) == (0, 1, 0, 0, 0)

    assert await bench.found("days", Scope("default", {"team": "legal"}))
    assert await bench.found("days", Scope("default", {"team": "hr"})) == []
    assert (await bench.store.info()).chunks == 1


async def test_a_file_given_to_two_tenants_is_two_documents(bench: Bench) -> None:
    file = bench.write("leave.md", "# Leave\n\n28 days.\n")
    assert counts(await bench.run(tenant="acme")) == (1, 0, 0, 0, 0)
    assert counts(await bench.run(tenant="beta")) == (1, 0, 0, 0, 0)
    file.unlink()

    assert counts(await bench.run(tenant="acme", sync=True, yes=True)) == (0, 0, 0, 1, 0)

    assert (await bench.titles("acme"), await bench.titles("beta")) == ([], ["Leave"])


# Mirroring


async def test_sync_removes_what_is_gone_and_nothing_else(bench: Bench) -> None:
    other = bench.write("../other/keep.md", "# Elsewhere\n\nKept.\n")
    gone = bench.write("gone.md", "# Gone\n\nOld rule.\n")
    bench.write("sub/gone.md", "# Gone below\n\nOld rule.\n")
    bench.write("stays.md", "# Stays\n\nRule.\n")
    await bench.run(bench.docs, other)
    gone.unlink()
    (bench.docs / "sub" / "gone.md").unlink()
    (bench.docs / "sub").rmdir()
    other.unlink()

    assert counts(await bench.run()) == (0, 0, 1, 0, 0), "without --sync nothing is removed"
    assert counts(await bench.run(sync=True)) == (0, 0, 1, 2, 0)

    assert await bench.titles() == ["Elsewhere", "Stays"]
    assert not any("Old rule" in text for text in await bench.found("Old rule"))


async def test_sync_of_a_glob_removes_what_it_would_have_matched(bench: Bench) -> None:
    for name in ("a.md", "b.md", "c.txt"):
        bench.write(name, f"# {name}\n\nRule.\n")
    await bench.run()
    for name in ("b.md", "c.txt"):
        (bench.docs / name).unlink()

    assert counts(await bench.run(bench.docs / "*.md", sync=True)) == (0, 0, 1, 1, 0)

    assert await bench.titles() == ["a.md", "c.txt"]


async def test_sync_keeps_the_old_version_of_a_file_that_got_broken(bench: Bench) -> None:
    file = bench.docs / "leave.pdf"
    file.write_bytes(made.pdf([["Full-time employees get 28 days."]]))
    await bench.run()
    file.write_bytes(b"%PDF-1.4 half a file")

    assert counts(await bench.run(sync=True)) == (0, 0, 0, 0, 1)

    assert await bench.found("days") == ["Full-time employees get 28 days.\n\n"]


async def test_sync_keeps_what_lies_in_a_folder_that_cannot_be_read_today(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.write("sub/leave.md", "# Leave\n\n28 days.\n")
    gone = bench.write("gone.md", "# Gone\n\nOld.\n")
    await bench.run()
    gone.unlink()
    scandir = os.scandir

    def refuse(path: str) -> Iterator[os.DirEntry[str]]:
        if str(path).endswith("sub"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    with monkeypatch.context() as patched:
        patched.setattr(os, "scandir", refuse)
        report = await bench.run(sync=True)

    assert counts(report) == (0, 0, 0, 1, 1)
    assert report.failures[0].error == "it cannot be read: Permission denied"
    assert await bench.titles() == ["Leave"]


async def test_sync_of_a_share_that_is_not_mounted_removes_nothing(bench: Bench) -> None:
    for name in ("a.md", "b.md", "c.md"):
        bench.write(name, f"# {name}\n\nRule.\n")
    await bench.run()
    for name in ("a.md", "b.md"):
        (bench.docs / name).unlink()

    report = await bench.run(sync=True)

    assert counts(report) == (0, 0, 1, 0, 1)
    (failure,) = report.failures
    assert failure.error == "--sync would remove 2 of 3 documents"
    assert "--yes" in failure.hint
    assert counts(await bench.run(sync=True, yes=True)) == (0, 0, 1, 2, 0)


# Places


async def test_a_file_that_moved_stays_the_same_document_and_is_not_embedded_again(
    bench: Bench,
) -> None:
    old = bench.write("leave.md", "# Leave\n\n28 days.\n")
    await bench.run()
    (before,) = await bench.store.documents(HERE)
    bench.encoder.seen = []
    old.rename(bench.docs / "holidays.md")

    report = await bench.run(sync=True)

    (after,) = await bench.store.documents(HERE)
    assert (counts(report), report.shared, bench.encoder.seen) == ((0, 0, 1, 0, 0), 1, [])
    assert after.document_id == before.document_id
    assert [after.source] == after.sources == [str(bench.docs / "holidays.md")]
    assert await bench.found("days", Scope("default", {"source": after.source}))
    assert not await bench.found("days", Scope("default", {"source": before.source}))


async def test_copies_are_stored_once_and_found_under_each_name(bench: Bench) -> None:
    names = [str(bench.write(f"{n}/leave.md", "# Leave\n\n28 days.\n")) for n in "abc"]

    report = await bench.run()

    (document,) = await bench.store.documents(HERE)
    assert (counts(report), report.shared) == ((1, 0, 2, 0, 0), 2)
    assert document.sources == names
    for name in names:
        assert await bench.found("days", Scope("default", {"source": name}))
    assert counts(await bench.run()) == (0, 0, 3, 0, 0)


async def test_a_copy_that_is_gone_does_not_take_the_document_with_it(bench: Bench) -> None:
    first, second = (bench.write(f"{n}.md", "# Leave\n\n28 days.\n") for n in "ab")
    await bench.run()
    first.unlink()

    assert counts(await bench.run(sync=True)) == (0, 0, 1, 0, 0)

    (document,) = await bench.store.documents(HERE)
    assert document.sources == [str(second)]


async def test_a_copy_that_changes_becomes_a_document_of_its_own(bench: Bench) -> None:
    first, second = (bench.write(f"{n}.md", "# Leave\n\n28 days.\n") for n in "ab")
    await bench.run()
    first.write_text("# Leave\n\n30 days.\n")

    assert counts(await bench.run()) == (1, 0, 1, 0, 0)

    assert sorted(await bench.found("days")) == [f"# Leave\n\n{n} days.\n" for n in (28, 30)]
    by_hash = {d.source: d.sources for d in await bench.store.documents(HERE)}
    assert by_hash == {str(first): [str(first)], str(second): [str(second)]}
    assert counts(await bench.run()) == (0, 0, 2, 0, 0)


async def test_copies_that_both_change_lose_neither(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingestion.run._WRITTEN", 1)  # as where more stands between them
    first, second = (bench.write(f"{n}.md", "# Leave\n\n28 days.\n") for n in "ab")
    await bench.run()
    first.write_text("# Leave\n\n30 days.\n")
    second.write_text("# Leave\n\n32 days.\n")

    report = await bench.run()

    assert sorted(await bench.found("days")) == [f"# Leave\n\n{n} days.\n" for n in (30, 32)]
    assert counts(report) == (1, 1, 0, 0, 0)
    assert counts(await bench.run()) == (0, 0, 2, 0, 0)


async def test_two_files_that_swap_their_contents_are_not_embedded_again(bench: Bench) -> None:
    first, second = (bench.write(f"{n}.md", f"# {n}\n\nRule {n}.\n") for n in "ab")
    await bench.run()
    texts = first.read_text(), second.read_text()
    bench.encoder.seen = []
    second.write_text(texts[0])
    first.write_text(texts[1])

    report = await bench.run(sync=True)

    assert (report.unchanged, report.failures, bench.encoder.seen) == (2, [], [])
    assert {d.title: d.sources for d in await bench.store.documents(HERE)} == {
        "a": [str(second)],
        "b": [str(first)],
    }


async def test_copies_with_other_tags_are_kept_apart(bench: Bench) -> None:
    hr, it = (bench.write(f"{n}/rules.md", "# Rules\n\nNone.\n") for n in ("hr", "it"))
    await bench.run(hr, tags={"team": "hr"})
    await bench.run(it, tags={"team": "it"})

    assert len(await bench.found("rules", Scope("default", {"team": "hr"}))) == 1
    assert len(await bench.found("rules", Scope("default", {"team": "it"}))) == 1


CONTENTS = st.sampled_from(["# A\n\nOne.\n", "# B\n\nTwo.\n", "# C\n\nThree.\n"])
SHARE = st.dictionaries(st.sampled_from(["a.md", "b.md", "c.md", "d.txt"]), CONTENTS)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    states=st.lists(st.tuples(SHARE, st.none() | st.integers(0, 2)), min_size=1, max_size=4),
    written=st.sampled_from([1, 2, 256]),
)
async def test_whatever_happens_to_a_share_the_index_ends_as_its_mirror(
    bench: Bench, states: list[tuple[dict[str, str], int | None]], written: int
) -> None:
    """Files appear, change, move, are copied and go; some runs are stopped half-way."""
    tenant = str(uuid.uuid4())
    last = states[-1][0]
    for share, stop in [*states, (last, None)]:
        for name in ("a.md", "b.md", "c.md", "d.txt"):
            (bench.docs / name).unlink(missing_ok=True)
        for name, text in share.items():
            bench.write(name, text)
        with patch("ingestion.run._WRITTEN", written):
            if stop is None:
                await bench.run(tenant=tenant, sync=True, yes=True)
                await assert_mirrors(bench, tenant, share)
            else:
                with suppress(asyncio.CancelledError):
                    await stopped(bench, after=stop, tenant=tenant, sync=True, yes=True)


async def assert_mirrors(bench: Bench, tenant: str, share: dict[str, str]) -> None:
    wanted: dict[tuple[str, str], list[str]] = {}
    for name, text in sorted(share.items()):
        wanted.setdefault((text, Path(name).suffix), []).append(name)
    found = [
        (await text_of(bench, document), sorted(Path(s).name for s in document.sources))
        for document in await bench.store.documents(Scope(tenant))
    ]
    assert sorted(found) == sorted((text, names) for (text, _), names in wanted.items())


async def text_of(bench: Bench, document: Document) -> str:
    chunks = await bench.store.chunks(document.document_id, Scope(document.tenant))
    return "".join(chunk.text for chunk in chunks)


# Near-duplicates and contexts


LONG = " ".join(f"Rule {n} says that tea of kind {n * n} is free on floor {n}." for n in range(40))


async def test_a_document_nearly_the_same_as_another_says_so(bench: Bench) -> None:
    bench.write("a.md", f"# Tea\n\n{LONG}\n")
    await bench.run()
    bench.write("b.md", f"# Tea\n\n{LONG}\n\nValid from May.\n")

    report = await bench.run()

    first, second = sorted(await bench.store.documents(HERE), key=lambda d: d.source)
    assert (counts(report), report.flagged) == ((1, 0, 1, 0, 0), 1)
    assert (first.flags, second.flags) == ([], [f"near-duplicate:{first.document_id}"])


async def test_near_duplicates_are_left_out_where_that_is_wanted(
    tmp_path: Path, tokenizer: Any
) -> None:
    bench = await open_bench(tmp_path, tokenizer, copies=CopyPolicy("skip"))
    bench.write("a.md", f"# Tea\n\n{LONG}\n")
    file = bench.write("b.md", "# Coffee\n\nCoffee has its price.\n")
    await bench.run()
    file.write_text(f"# Tea\n\n{LONG}\n\nValid from May.\n")

    report = await bench.run()

    assert (report.skipped, report.failures) == (1, [])
    assert await bench.titles() == ["Tea"], "the old text of a file that has changed is gone too"
    await bench.store.close()


class Writer:
    """Contexts as a model might write them."""

    async def write(self, title: str, chunks: Sequence[Chunk]) -> list[str]:
        return [f"From {title} of the Ostrevane group. " * 30 for _ in chunks]


async def test_a_chunk_is_found_by_its_context_and_quoted_without_it(
    tmp_path: Path, tokenizer: Any
) -> None:
    contexts = Contexts(Writer(), lambda texts: [len(t.split()) for t in texts], 60)
    bench = await open_bench(tmp_path, tokenizer, contexts=contexts)
    bench.write("a.md", "# Leave\n\nIt has 28 days.\n")
    await bench.run()

    assert await bench.found("Ostrevane") == ["# Leave\n\nIt has 28 days.\n"]
    (text,) = bench.encoder.seen
    assert text.endswith("It has 28 days.")
    assert len(text.split()) <= 60
    (document,) = await bench.store.documents(HERE)
    (chunk,) = await bench.store.chunks(document.document_id, HERE)
    assert chunk.context.startswith("From Leave")
    await bench.store.close()


# Failures


async def test_bad_files_do_not_stop_the_others(bench: Bench) -> None:
    bench.write("a-empty.md", "")
    bench.write("b-good.md", "# First\n\nRule.\n")
    (bench.docs / "c-broken.docx").write_bytes(b"PK no")
    (bench.docs / "d-locked.pdf").write_bytes(made.pdf([["x"]], encrypted=True))
    (bench.docs / "e-gone.md").symlink_to("nowhere")
    os.mkfifo(bench.docs / "f-pipe")
    (bench.docs / "g-unknown.xyz").write_bytes(bytes(99))
    bench.write("h-big.txt", "x" * 100_001)
    bench.write("z-good.md", "# Last\n\nRule.\n")

    report = await bench.run(bench.docs, "nowhere.md")

    assert counts(report) == (2, 0, 0, 0, 8)
    assert await bench.titles() == ["First", "Last"]
    reasons = {Path(f.source).name: f.error for f in report.failures}
    assert reasons == {
        "nowhere.md": "nothing is there",
        "a-empty.md": "the file is empty",
        "c-broken.docx": "it is damaged, or not what its name says",
        "d-locked.pdf": "it is protected by a password",
        "e-gone.md": "it is not a regular file",
        "f-pipe": "it is not a regular file",
        "g-unknown.xyz": "its format is unknown",
        "h-big.txt": "the file has 0 MB",
    }


async def test_an_error_that_nobody_expected_costs_one_file(bench: Bench) -> None:
    def fail(text: str) -> None:
        if "Poison" in text:
            raise ZeroDivisionError("postgresql://me:hunter2@db")

    bench.write("a.md", "# Poison\n\nRule.\n")
    bench.write("b.md", "# Good\n\nRule.\n")
    bench.encoder.before = fail

    report = await bench.run()

    assert counts(report) == (1, 0, 0, 0, 1)
    (failure,) = report.failures
    assert failure == Failure(
        str(bench.docs / "a.md"), "unexpected ZeroDivisionError", "see the log"
    )


async def test_progress_is_told_once_for_every_file(bench: Bench) -> None:
    for name in ("a.md", "b.md", "c.md"):
        bench.write(name, f"# {name}\n\nRule.\n")
    bench.write("d.md", "")
    told: list[tuple[int, int, str]] = []

    await bench.run(progress=lambda *step: told.append(step))

    assert [step[:2] for step in told] == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert sorted(step[2] for step in told) == ["a.md", "b.md", "c.md", "d.md"]


async def test_no_files_are_no_mistake(bench: Bench) -> None:
    assert counts(await bench.run()) == (0, 0, 0, 0, 0)


# Interruptions


@pytest.mark.parametrize("written", [0, 1, 2, 3])
@pytest.mark.parametrize("first_run", [True, False], ids=["adding", "updating"])
async def test_a_run_that_was_stopped_ends_the_same_when_run_again(
    bench: Bench, tmp_path: Path, tokenizer: Any, written: int, first_run: bool
) -> None:
    def write_all(version: str) -> None:
        for name in "abcd":
            bench.write(f"{name}.md", f"# File {name}\n\n" + f"Rule {name}, {version}. " * 200)

    if not first_run:
        write_all("old")
        await bench.run()
    write_all("new")
    with pytest.raises(asyncio.CancelledError):
        await stopped(bench, after=written)

    await bench.run()

    other = await open_bench(tmp_path, tokenizer, name="straight")
    await other.run()
    assert await bench.contents() == await other.contents()
    assert (await bench.store.info()).chunks == (await other.store.info()).chunks
    assert sorted(await bench.found("Rule", HERE)) == sorted(await other.found("Rule", HERE))
    await other.store.close()


async def test_two_runs_at_once_do_not_get_in_each_other_s_way(bench: Bench) -> None:
    for name in ("a.md", "b.md", "c.md"):
        bench.write(name, f"# {name}\n\nRule.\n")

    reports = await asyncio.gather(bench.run(), bench.run())

    assert sorted(counts(report) for report in reports) == [(0, 0, 3, 0, 0), (3, 0, 0, 0, 0)]
    assert Counter(bench.encoder.seen).most_common(1)[0][1] == 1
