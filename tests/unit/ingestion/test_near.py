"""Copies that differ by little are found, and nothing else is taken for one."""

from __future__ import annotations

import json
import random
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestion import near
from ingestion.near import NearDuplicates, signature
from tests.support.paths import HANDBOOK, ROOT

DATA = ROOT.parent / "shared" / "data"
LEAVE = "\n\n".join(p.read_text() for p in sorted(HANDBOOK.glob("*.md")))


def _known(**texts: str) -> NearDuplicates:
    known = NearDuplicates()
    for key, text in texts.items():
        known.add(key, signature(text))
    return known


def test_a_changed_date_is_found() -> None:
    text = LEAVE + "\nApproved on 3 May 2024.\n"
    [(key, alike)] = _known(old=text).find(signature(text.replace("3 May 2024", "17 June 2025")))
    assert key == "old"
    assert alike > 0.9


def test_an_added_paragraph_is_found() -> None:
    added = "\n\nVisitors sign in at the desk and wear a badge while they are in the building."
    assert _known(old=LEAVE).find(signature(LEAVE + added))


def test_a_document_of_its_own_is_not_taken_for_a_copy() -> None:
    texts = {p.stem: p.read_text() for p in HANDBOOK.glob("*.md")}
    known = _known(**texts)
    for key, text in texts.items():
        assert [found for found, _ in known.find(signature(text))] == [key]


@pytest.mark.parametrize("words", ["数据保护条例规定了个人信息的处理方式", "การคุ้มครองข้อมูลส่วนบุคคล"])
def test_scripts_without_spaces_are_judged(words: str) -> None:
    rng = random.Random(0)
    text = "".join(rng.choice(words) for _ in range(600))
    other = "".join(rng.choice(words) for _ in range(600))
    known = _known(old=text)
    assert known.find(signature(text[:590] + words[:3]))
    assert not known.find(signature(other))


def test_case_and_width_and_layout_do_not_matter() -> None:
    spread = LEAVE.upper().replace(" ", "  \n").replace("A", "Ａ")
    assert signature(spread) == signature(LEAVE)


def test_signatures_in_an_index_mean_what_datasketch_says_they_do() -> None:
    minhash = pytest.importorskip("datasketch").MinHash
    for text in (LEAVE, LEAVE[:200], LEAVE * 3 + "ü" * 99):
        hashes = near._runs(near._words(text)).tolist()
        sketch = minhash(num_perm=64, seed=1, scheme="affine32", hashfunc=lambda run: run)
        sketch.update_batch(hashes)
        assert np.frombuffer(signature(text), "<u4").tolist() == sketch.hashvalues.tolist()


def test_too_short_texts_match_nothing() -> None:
    short = "See the attached file. " * 4
    assert signature(short) == b""
    known = _known(one=short)
    assert known.find(signature(short)) == []
    known.remove("one")


def test_what_is_removed_is_not_found_again() -> None:
    known = _known(one=LEAVE, two=LEAVE, three=LEAVE)
    known.remove("two")
    assert [key for key, _ in known.find(signature(LEAVE))] == ["one", "three"]
    known.remove("one")
    known.remove("three")
    assert known.find(signature(LEAVE)) == []
    known.add("one", signature(LEAVE))
    assert known.find(signature(LEAVE)) == [("one", 1.0)]


def test_a_key_used_again_means_the_new_text() -> None:
    known = _known(one=LEAVE)
    known.add("one", signature(" ".join(f"word{n}" for n in range(100))))
    assert known.find(signature(LEAVE)) == []


@given(st.lists(st.text(max_size=12), max_size=80).map(" ".join))
@settings(deadline=None, max_examples=60)
def test_identical_texts_always_match(text: str) -> None:
    mark = signature(text)
    assert _known(one=text).find(mark) == ([("one", 1.0)] if mark else [])


@given(st.lists(st.tuples(st.booleans(), st.sampled_from("abc"), st.integers(0, 3)), max_size=30))
@settings(deadline=None, max_examples=60)
def test_adding_and_removing_in_any_order_leaves_what_was_added_last(
    steps: list[tuple[bool, str, int]],
) -> None:
    texts = [" ".join(f"{word}{n % 3}" for n in range(30)) for word in ("x", "y", "z")] + [""]
    known, expected = NearDuplicates(), {}
    for adds, key, number in steps:
        if adds:
            known.add(key, signature(texts[number]))
            expected[key] = number
        else:
            known.remove(key)
            expected.pop(key, None)
    for number, text in enumerate(texts[:3]):
        found = [key for key, _ in known.find(signature(text))]
        assert found == sorted(key for key, held in expected.items() if held == number)


def test_signatures_are_the_same_in_every_process() -> None:
    code = f"from ingestion.near import signature; print(signature({LEAVE!r}).hex())"
    seen = {
        subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout.strip()
        for _ in range(2)
    }
    assert seen == {signature(LEAVE).hex()}


@pytest.mark.skipif(not DATA.is_dir(), reason="the folder ../shared/data is not here")
def test_abstracts_of_one_field_are_not_copies_of_each_other() -> None:
    lines = (DATA / "cranfield" / "corpus.jsonl").read_text().splitlines()
    texts = {row["_id"]: row["text"] for row in map(json.loads, lines)}
    known = _known(**texts)
    for key, text in texts.items():
        for other, _ in known.find(signature(text)):
            same = set(text.split()) ^ set(texts[other].split())
            assert other == key or len(same) < 12
