"""Files inside files: documents of their own, that come, change and go with what holds them."""

from __future__ import annotations

import asyncio
import io
import uuid
import zipfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from app.core.errors import TransientError
from app.core.types import MEMBER, Scope
from tests.unit.ingestion.bench import HERE, Bench, counts, stopped

ONE, TWO, THREE = "# A\n\nOne.\n", "# B\n\nTwo.\n", "# C\n\nThree.\n"


def archive(members: Mapping[str, str | bytes]) -> bytes:
    """A ZIP, the same bytes for the same members."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as into:
        for name, content in members.items():
            into.writestr(zipfile.ZipInfo(name), content)
    return data.getvalue()


def mail(**attachments: str) -> bytes:
    message = EmailMessage()
    message["Subject"] = "Plans"
    message.set_content("See the attachments.")
    for name, text in attachments.items():
        message.add_attachment(text, filename=f"{name}.txt")
    return message.as_bytes()


async def places(bench: Bench, tenant: str = "default") -> dict[str, list[str]]:
    """Title to places, relative to the share."""
    share = f"{bench.docs}/"
    return {
        document.title: [source.removeprefix(share) for source in document.sources]
        for document in await bench.store.documents(Scope(tenant))
    }


async def test_attachments_are_found_and_name_the_mail_they_came_with(bench: Bench) -> None:
    (bench.docs / "plans.eml").write_bytes(mail(budget="The budget is 40 million."))

    assert counts(await bench.run()) == (2, 0, 0, 0, 0)

    assert any("40 million" in text for text in await bench.found("budget"))
    documents = {d.title: d for d in await bench.store.documents(HERE)}
    assert documents["budget"].parent == documents["Plans"].source
    assert documents["budget"].source == f"{documents['Plans'].source}{MEMBER}budget.txt"
    assert documents["Plans"].parent is None
    assert counts(await bench.run()) == (0, 0, 1, 0, 0)


async def test_a_member_that_is_gone_from_its_archive_answers_no_more(bench: Bench) -> None:
    file = bench.docs / "a.zip"
    file.write_bytes(archive({"one.md": "# One\n\nFirst.\n", "two.md": "# Two\n\nSecond.\n"}))
    await bench.run()
    file.write_bytes(archive({"two.md": "# Two\n\nSecond.\n", "three.md": "# Three\n\nThird.\n"}))

    report = await bench.run()

    assert counts(report) == (1, 1, 1, 1, 0)
    assert sorted(await places(bench)) == ["Three", "Two", "a.zip"]


async def test_members_go_with_the_archive(bench: Bench) -> None:
    file = bench.docs / "a.zip"
    file.write_bytes(archive({"one.md": "# One\n\nFirst.\n", "in.zip": archive({"x.md": "# X\n"})}))
    bench.write("stays.md", "# Stays\n\nRule.\n")
    assert counts(await bench.run()) == (5, 0, 0, 0, 0)
    file.unlink()

    assert counts(await bench.run(sync=True, yes=True)) == (0, 0, 1, 4, 0)

    assert await places(bench) == {"Stays": ["stays.md"]}


async def test_members_stay_when_a_copy_of_their_archive_does(bench: Bench) -> None:
    data = archive({"one.md": "# One\n\nFirst.\n"})
    for name in ("a.zip", "b.zip"):
        (bench.docs / name).write_bytes(data)
    assert counts(await bench.run()) == (2, 0, 1, 0, 0)
    (bench.docs / "a.zip").unlink()

    assert counts(await bench.run(sync=True, yes=True)) == (0, 0, 1, 0, 0)

    assert await places(bench) == {"a.zip": ["b.zip"], "One": ["b.zip!/one.md"]}


async def test_an_archive_that_moved_takes_its_members_along(bench: Bench) -> None:
    file = bench.docs / "a.zip"
    file.write_bytes(archive({"one.md": "# One\n\nFirst.\n"}))
    await bench.run()
    bench.encoder.seen = []
    file.rename(bench.docs / "z.zip")

    assert counts(await bench.run(sync=True)) == (0, 0, 1, 0, 0)

    assert await places(bench) == {"a.zip": ["z.zip"], "One": ["z.zip!/one.md"]}
    assert bench.encoder.seen == []


async def test_an_attachment_that_also_lies_in_the_share_is_stored_once(bench: Bench) -> None:
    text = "The budget is 40 million.\n"
    (bench.docs / "b.zip").write_bytes(archive({"budget.txt": text}))
    bench.write("a.txt", text)

    report = await bench.run()

    assert (report.added, report.shared) == (2, 1)
    assert sorted((await places(bench)).values()) == [["a.txt", "b.zip!/budget.txt"], ["b.zip"]]
    (bench.docs / "b.zip").unlink()
    await bench.run(sync=True, yes=True)
    assert list((await places(bench)).values()) == [["a.txt"]]


async def test_a_bad_member_costs_itself_and_is_named(bench: Bench) -> None:
    (bench.docs / "a.zip").write_bytes(archive({"good.md": "# Good\n\nRule.\n", "bad.pdf": b"%PD"}))

    report = await bench.run()

    assert counts(report) == (2, 0, 0, 0, 1)
    (failure,) = report.failures
    assert failure.source == f"{bench.docs}/a.zip!/bad.pdf"


async def test_an_archive_whose_member_could_not_be_stored_is_read_again(bench: Bench) -> None:
    (bench.docs / "a.zip").write_bytes(
        archive({"one.md": "# One\n\nFirst.\n", "two.md": "# Two\n"})
    )
    add = bench.store.add

    async def refuse_one(versions: Sequence[Any]) -> None:
        if any(document.title == "One" for document, _ in versions):
            raise TransientError("the disk is full")
        await add(versions)

    bench.store.add = refuse_one  # type: ignore[method-assign]
    report = await bench.run()
    assert [f.error for f in report.failures] == [
        "a file inside it could not be stored",
        "the disk is full",
    ]
    bench.store.add = add  # type: ignore[method-assign]

    assert counts(await bench.run()) == (2, 0, 1, 0, 0)

    assert sorted(await places(bench)) == ["One", "Two", "a.zip"]


@pytest.mark.parametrize("gone", [False, True], ids=["came", "gone"])
async def test_a_run_killed_before_its_end_leaves_no_place_out_and_none_too_many(
    bench: Bench, gone: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    (bench.docs / "c.md").write_bytes(b"# C\n\nThree.\n")
    with_copy = archive({"x.md": b"# A\n\nOne.\n", "y.md": b"# C\n\nThree.\n"})
    without = archive({"x.md": b"# A\n\nOne.\n"})
    (bench.docs / "a.zip").write_bytes(with_copy if gone else without)
    await bench.run()
    (bench.docs / "a.zip").write_bytes(without if gone else with_copy)

    async def killed(*_: object) -> None:
        raise asyncio.CancelledError

    with monkeypatch.context() as patch, suppress(asyncio.CancelledError):
        patch.setattr(bench.store, "relocate", killed)
        await bench.run()
    await bench.run()

    assert sorted((await places(bench))["C"]) == (["c.md"] if gone else ["a.zip!/y.md", "c.md"])


@pytest.mark.parametrize(
    "changed",
    [
        {"x.md": ONE},
        {"x.md": ONE, "y.md": THREE},
        {"x.md": ONE, "y.md": TWO, "z.md": THREE},
        {"z.md": THREE},
    ],
    ids=["one goes", "one changes", "one comes", "all change"],
)
@pytest.mark.parametrize("known", [False, True], ids=["new", "known"])
async def test_of_two_equal_archives_one_may_change_and_the_other_keeps_what_is_in_it(
    bench: Bench, changed: dict[str, str], known: bool
) -> None:
    both = archive({"x.md": ONE, "y.md": TWO})
    (bench.docs / "a.zip").write_bytes(both)
    (bench.docs / "b.zip").write_bytes(both)
    if known:
        bench.write("c.md", THREE)
    await bench.run()
    (bench.docs / "a.zip").write_bytes(archive(changed))

    await bench.run()

    wanted = {"C": {"c.md"}} if known else {}
    for name, members in (("a.zip", changed), ("b.zip", {"x.md": ONE, "y.md": TWO})):
        for inside, text in members.items():
            wanted.setdefault(text[2], set()).add(f"{name}!/{inside}")
    found = {title: {*sources} for title, sources in (await places(bench)).items()}
    assert {title: found[title] for title in found if "zip" not in title} == wanted
    documents = await bench.store.documents(HERE)
    stand = {Path(source).name for document in documents for source in document.sources}
    assert stand >= {"a.zip", "b.zip"}


async def test_an_archive_may_be_renamed_and_another_take_its_name(bench: Bench) -> None:
    (bench.docs / "a.zip").write_bytes(archive({"x.md": ONE}))
    await bench.run()
    (bench.docs / "a.zip").rename(bench.docs / "b.zip")
    (bench.docs / "a.zip").write_bytes(archive({"x.md": TWO}))

    await bench.run()

    found = await places(bench)
    assert (found["A"], found["B"]) == (["b.zip!/x.md"], ["a.zip!/x.md"])


async def test_archives_in_archives_end_somewhere(bench: Bench) -> None:
    data = b"# Deep\n\nTreasure.\n"
    for level in range(6):
        data = archive({f"{level}.zip" if level else "deep.md": data})
    (bench.docs / "a.zip").write_bytes(data)

    report = await bench.run()

    assert [failure.error for failure in report.failures] == ["it is nested too deeply"]
    assert report.added == 4


TEXTS = st.sampled_from([ONE, TWO, THREE])
ARCHIVES = st.dictionaries(st.sampled_from(["x.md", "y.md"]), TEXTS, min_size=1)
SHARE = st.dictionaries(st.sampled_from(["a.zip", "b.zip", "c.md", "d.zip!/in.zip"]), ARCHIVES)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(states=st.lists(st.tuples(SHARE, st.none() | st.integers(0, 3)), min_size=1, max_size=4))
@example(  # what is in the first archive comes with a file that is written after it
    [({"a.zip": {"x.md": TWO}, "b.zip": {"x.md": ONE}, "c.md": {"x.md": TWO}}, 1)]
)
@example(  # two archives swap their names
    [
        ({"a.zip": {"x.md": ONE}, "b.zip": {"y.md": TWO}}, None),
        ({"a.zip": {"y.md": TWO}, "b.zip": {"x.md": ONE}}, None),
    ]
)
@example(  # one is taken out of another, where a third comes in its place
    [
        ({"d.zip!/in.zip": {"y.md": ONE}, "a.zip": {"x.md": ONE}}, None),
        ({"d.zip!/in.zip": {"x.md": ONE}, "a.zip": {"x.md": ONE}, "b.zip": {"y.md": ONE}}, None),
    ]
)
@example(  # a run that was killed left what it was about to replace
    [
        ({"a.zip": {"y.md": TWO}, "b.zip": {"x.md": TWO}, "d.zip!/in.zip": {"y.md": TWO}}, None),
        ({"a.zip": {"x.md": TWO}, "d.zip!/in.zip": {"x.md": THREE}}, 2),
    ]
)
async def test_whatever_happens_to_archives_the_index_ends_as_their_mirror(
    bench: Bench, states: list[tuple[dict[str, dict[str, str]], int | None]]
) -> None:
    tenant = str(uuid.uuid4())
    last = states[-1][0]
    for share, stop in [*states, (last, None)]:
        for old in bench.docs.iterdir():
            old.unlink()
        for name, members in share.items():
            file, _, inside = name.partition(MEMBER)
            text = next(iter(members.values())).encode()
            data = archive(members) if name.endswith(".zip") else text
            (bench.docs / file).write_bytes(archive({inside: data}) if inside else data)
        if stop is None:
            await bench.run(tenant=tenant, sync=True, yes=True)
        else:
            with suppress(asyncio.CancelledError):
                await stopped(bench, after=stop, tenant=tenant, sync=True, yes=True)

    wanted = set()
    for name, members in last.items():
        if name.endswith(".zip"):
            wanted |= {(text, f"{name}!/{inside}") for inside, text in members.items()}
        else:
            wanted.add((next(iter(members.values())), name))
    found = {
        (await text_of(bench, document.document_id, tenant), source.removeprefix(f"{bench.docs}/"))
        for document in await bench.store.documents(Scope(tenant))
        for source in document.sources
        if not source.endswith(".zip")
    }
    assert found == wanted


async def text_of(bench: Bench, document_id: str, tenant: str) -> str:
    chunks = await bench.store.chunks(document_id, Scope(tenant))
    return "".join(chunk.text for chunk in chunks)
