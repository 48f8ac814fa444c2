"""The synthetic library of the large benchmark is the same, and whole, every time."""

from __future__ import annotations

import numpy as np

from eval.bench.material.library import OF_DOCUMENT, Library


def test_two_processes_search_for_the_same_in_the_same() -> None:
    ours, theirs = (list(Library(3).documents()) for _ in range(2))
    for (document, chunks), (same, again) in zip(ours, theirs, strict=True):
        assert document.document_id == same.document_id
        assert [c.chunk.text for c in chunks] == [c.chunk.text for c in again]
        assert all(np.array_equal(c.dense, d.dense) for c, d in zip(chunks, again, strict=True))
    asked, repeated = (Library(0).questions(4, 50, 16) for _ in range(2))
    assert [question.sparse for question in asked] == [question.sparse for question in repeated]


def test_documents_are_whole_and_their_vectors_of_unit_length() -> None:
    for document, chunks in Library(3).documents():
        assert document.chunks == len(chunks) == OF_DOCUMENT
        ends = [encoded.chunk.end for encoded in chunks]
        assert [encoded.chunk.start for encoded in chunks] == [0, *ends[:-1]]
        lengths = np.linalg.norm([encoded.dense for encoded in chunks], axis=1)
        assert np.allclose(lengths, 1.0, atol=1e-5)
    for question in Library(0).questions(4, 50, 16):
        assert np.isclose(np.linalg.norm(question.dense), 1.0, atol=1e-5)
