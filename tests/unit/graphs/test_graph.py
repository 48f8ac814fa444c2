"""The picture is drawn from the graph that runs, and shows what the design promises."""

from __future__ import annotations

import pytest

from app.core.text import words
from graphs.graph import build_graph
from tests.support.paths import ROOT

DESIGN = {
    ("__start__", "guard"),
    ("guard", "recall"),
    ("recall", "condense"),
    ("recall", "finish"),
    ("condense", "plan"),
    ("plan", "retrieve"),
    ("plan", "direct"),
    ("retrieve", "rerank"),
    ("rerank", "grade"),
    ("grade", "compress"),
    ("grade", "expand"),
    ("grade", "abstain"),
    ("expand", "retrieve"),
    ("expand", "compress"),
    ("compress", "generate"),
    ("generate", "verify"),
    ("verify", "finish"),
    ("verify", "generate"),
    ("verify", "abstain"),
    ("abstain", "finish"),
    ("direct", "finish"),
    ("finish", "__end__"),
}


def test_the_drawing_shows_the_design_and_nothing_else() -> None:
    drawn = build_graph().compile().get_graph()
    assert {(edge.source, edge.target) for edge in drawn.edges} == DESIGN


def test_the_picture_in_the_readme_is_the_compiled_graphs() -> None:
    readme = (ROOT / "README.md").read_text()
    block = readme.split("<!-- generated: graph -->")[1].split("<!-- end -->")[0]
    if not block.strip():
        pytest.skip("README has not been generated yet")
    drawn = build_graph().compile().get_graph()
    assert {name.strip("_") for name in drawn.nodes} <= set(words(block.replace("__", " ")))


def test_every_node_says_what_it_does() -> None:
    for name, node in build_graph().nodes.items():
        assert node.runnable.afunc.__doc__, name  # type: ignore[union-attr]
