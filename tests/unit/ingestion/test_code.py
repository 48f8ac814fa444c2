"""Source code: a chunk is a function or a class, under its name, in every language."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.names import SEPARATOR
from ingestion.chunk import Chunker
from ingestion.code import structure
from ingestion.parse import parse

LANGUAGES = {
    "py": ("# about\n@deco\ndef f(x):\n    pass\n\nclass A(B):\n    def m(self):\n        pass\n",
           {0: "f", 5: "A", 6: "A.m"}),
    "ts": ("import a;\n/** doc */\nexport class A {\n  x = 1;\n  m(): void {\n  }\n}\n"
           "export const f = async () => {\n};\n", {1: "A", 4: "A.m", 7: "f"}),
    "tsx": ("const App = () => <a>hi</a>;\n", {0: "App"}),
    "js": ("class A {\n  m() {}\n}\nfunction f() {}\n", {0: "A", 1: "A.m", 3: "f"}),
    "java": ("class A {\n  /** doc */\n  @Override\n  int m() { return 1; }\n}\n", {1: "A.m"}),
    "go": ("package p\n// T is\ntype T struct {\n}\nfunc (t *T) M() {\n}\n", {1: "T", 4: "M"}),
    "rs": ("mod a {\n  fn f() {}\n}\n/// doc\n#[x]\nimpl A for B {\n  fn m() {}\n}\n",
           {1: "a.f", 3: "B", 6: "B.m"}),
    "c": ("static int *f(void)\n{\n  struct s *p;\n}\nstruct s { int a; };\n", {0: "f", 4: "s"}),
    "cpp": ("namespace n {\nclass A {\n int m() { return 1; }\n};\nint A::g() {}\n}\n",
            {1: "n.A", 2: "n.A.m", 4: "n.A::g"}),
    "cs": ("namespace N {\n class A {\n  int M() { return 1; }\n }\n}\n", {2: "N.A.M"}),
    "rb": ("module M\n  class A\n    def m\n    end\n  end\nend\n", {1: "M.A", 2: "M.A.m"}),
    "php": ("<?php\nclass A {\n  function m() {}\n}\nfunction f() {}\n", {2: "A.m", 4: "f"}),
    "sh": ("x=1\n# doc\nf() {\n  echo\n}\n", {1: "f"}),
    "kt": ("class A {\n  fun m() = 1\n}\nfun f() {}\n", {1: "A.m", 3: "f"}),
    "scala": ("object A {\n  def m = 1\n}\n", {1: "A.m"}),
    "swift": ("struct A {\n  func m() {}\n}\nfunc f() {}\n", {1: "A.m", 3: "f"}),
}  # fmt: skip


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_language_knows_its_definitions_with_what_is_said_above_them(language: str) -> None:
    code, wanted = LANGUAGES[language]
    found = structure(code, language)
    assert found is not None
    named = {line: ".".join(path) for line, path in found.sections}
    assert wanted.items() <= named.items()


@settings(max_examples=60)
@given(
    language=st.sampled_from([*LANGUAGES, "sql", ""]),
    junk=st.text(st.characters(exclude_characters="\r"), max_size=60),
    at=st.integers(0, 80),
)
def test_no_text_that_passes_for_code_brings_the_reader_down(
    language: str, junk: str, at: int
) -> None:
    base = LANGUAGES.get(language, ("", {}))[0]
    code = base[:at] + junk + base[at:]
    found = structure(code, language)
    if found:
        lines = [line for line, _ in found.sections]
        assert lines == sorted(set(lines)) and lines[0] == 0
        assert max([*lines, *found.breaks]) <= code.count("\n")


def test_a_chunk_of_code_names_the_class_and_the_function_it_is_from(chunker: Chunker) -> None:
    body = "".join(f"        total += leave_of(employee, {n})  # day {n}\n" for n in range(40))
    methods = "".join(f"    def {name}(self):\n        total = 0\n{body}        return total\n\n"
                      for name in ("annual", "sick"))  # fmt: skip
    document = parse(f"import x\n\n\nclass Leave:\n{methods}".encode(), "/x/leave.py")

    chunks = chunker.cut(document)

    assert "".join(chunk.text for chunk in chunks) == document.text
    annual = [c for c in chunks if c.heading == SEPARATOR.join(["Leave", "annual"])]
    assert len(annual) > 1 and annual[0].text.startswith("    def annual")
    assert all(c.text.endswith("\n") for c in chunks)
    read = chunker.embedding_texts(document, annual)
    assert all(text.startswith("leave.py > Leave > annual\n") for text in read)


def test_code_in_a_text_is_cut_at_its_functions(chunker: Chunker) -> None:
    functions = [
        f"def f{n}():\n" + f"    return leave_of_employee({n}, 28)\n" * 9 for n in range(6)
    ]
    text = "# Setup\n\n```python\n" + "\n".join(functions) + "```\n"
    chunks = chunker.cut(parse(text.encode(), "a.md"))
    assert len(chunks) > 2
    assert all(chunk.text.startswith("def f") for chunk in chunks[1:])
    assert {chunk.heading for chunk in chunks} == {"Setup"}
