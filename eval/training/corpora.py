"""Text to learn from: the documentation packages of Debian, cut as the service cuts.

    python -m eval.training.corpora FOLDER

fetches the packages (`apt-get download`) and unpacks them below FOLDER; nothing of them
goes into the project. Every text is a chunk of a page, with the page's title and the
headings that it stands under.
"""

from __future__ import annotations

import gzip
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from app.adapters import bundled
from app.core.exchange import Failure
from app.core.types import ParsedDocument
from eval.training.questions import training_chunker
from ingestion.prepare import Preparer, Recipe, Source

SEED = 0
CHUNKS_A_PACKAGE = 2500
MOST_PAGES = 900
FEWEST_WORDS = 12


@dataclass(frozen=True, slots=True)
class Package:
    """A package, its licence, and where its English pages are."""

    name: str
    licence: str
    pages: str


PACKAGES = (
    Package("apache2-doc", "Apache-2.0", "usr/share/doc/apache2-doc/manual/en/**/*.html*"),
    Package("bash-doc", "GFDL-1.3", "usr/share/doc/bash/*.html"),
    Package("debian-faq", "GPL-2+", "usr/share/doc/debian/FAQ/*.en.html"),
    Package("debian-handbook", "CC BY-SA 3.0", "usr/share/doc/debian-handbook/html/en-US/*.html"),
    Package("debian-policy", "GPL-2+", "usr/share/doc/debian-policy/policy.html/*.html"),
    Package("debian-reference-en", "GPL-2+", "usr/share/**/debian-reference/*.en.html"),
    Package("developers-reference", "GPL-2+", "usr/share/**/*.html"),
    Package("exim4-doc-html", "GPL-2+", "usr/share/doc/exim4-doc-html/**/*.html"),
    Package("gimp-help-en", "GFDL-1.2", "usr/share/gimp/2.0/help/en/*.html"),
    Package("git-doc", "GPL-2", "usr/share/doc/git/html/**/*.html"),
    Package("gnucash-docs", "GFDL-1.1", "usr/share/doc/gnucash-docs/gnucash-*-en/*.html"),
    Package("gnumed-doc", "GPL-2+", "usr/share/doc/gnumed/**/*.html"),
    Package("grass-doc", "GPL-2+", "usr/share/doc/grass-doc/html/*.html"),
    Package("harden-doc", "GPL-2+", "usr/share/doc/harden-doc/html/en-US/*.html"),
    Package("installation-guide-amd64", "GPL-2", "usr/share/doc/**/en/*.html"),
    Package("libreoffice-help-en-us", "MPL-2.0", "usr/share/libreoffice/help/**/*.html"),
    Package("linux-doc-6.1", "GPL-2", "usr/share/doc/linux-doc-6.1/html/**/*.html"),
    Package("maint-guide", "GPL-2+", "usr/share/**/*.en.html"),
    Package("octave-doc", "GPL-3+", "usr/share/doc/octave/octave.html/*.html"),
    Package("perl-doc", "GPL-1+ or Artistic", "usr/share/perl/*/pod/*.pod"),
    Package("postfix-doc", "IPL-1.0", "usr/share/doc/postfix/html/*.html"),
    Package("postgresql-doc-15", "PostgreSQL", "usr/share/doc/**/*.html"),
    Package("python-django-doc", "BSD-3-Clause", "usr/share/doc/python-django-doc/**/*.html"),
    Package("python-pandas-doc", "BSD-3-Clause", "usr/share/doc/**/html/*/*.html"),
    Package("python-sklearn-doc", "BSD-3-Clause", "usr/share/doc/**/*.html"),
    Package("python3.11-doc", "PSF-2.0", "usr/share/doc/**/html/**/*.html"),
    Package("sqlite3-doc", "public domain", "usr/share/doc/sqlite3/*.html"),
)
DICTIONARIES = (
    Package("dict-jargon", "public domain", "usr/share/dictd/jargon.dict.dz"),
    Package("dict-foldoc", "GFDL-1.1", "usr/share/dictd/foldoc.dict.dz"),
)


@dataclass(frozen=True, slots=True)
class Text:
    """A chunk to learn from.

    Args:
        corpus: The package it comes from.
        page: The page that it is a piece of; chunks of one page are alike.
        title: Of the page.
        heading: The headings it stands under, outermost first.
        body: Its text.
    """

    corpus: str
    page: str
    title: str
    heading: str
    body: str


def fetch(folder: Path) -> None:
    """Download and unpack every package that is not there yet."""
    folder.mkdir(parents=True, exist_ok=True)
    for package in (*PACKAGES, *DICTIONARIES):
        if not (folder / package.name).is_dir():
            subprocess.run(["apt-get", "download", package.name], cwd=folder, check=True)  # noqa: S603, S607 - names from above
            archive = next(folder.glob(f"{package.name}_*.deb"))
            subprocess.run(["dpkg", "-x", archive.name, package.name], cwd=folder, check=True)  # noqa: S603, S607 - as above
            archive.unlink()


def read_texts(folder: Path) -> Iterator[Text]:
    """Chunks of every package below `folder`, at most CHUNKS_A_PACKAGE of each, drawn by page."""
    preparer = Preparer(
        Recipe(
            bundled.tokenizer().to_str(),
            chunk_tokens=220,
            min_tokens=24,
            max_tokens=bundled.MAX_TOKENS,
            max_file_bytes=20_000_000,
        )
    )
    for package in PACKAGES:
        yield from _of_package(folder / package.name, package, preparer)
    for dictionary in DICTIONARIES:
        yield from _of_dictionary(folder / dictionary.name, dictionary)


def _of_package(folder: Path, package: Package, preparer: Preparer) -> Iterator[Text]:
    pages = sorted(p for p in folder.glob(package.pages) if p.is_file())
    if not pages:
        raise FileNotFoundError(f"{package.name}: no pages below {folder}")
    count = 0
    for number in np.random.default_rng(SEED).permutation(len(pages))[:MOST_PAGES]:
        if count >= CHUNKS_A_PACKAGE:
            return
        for text in _of_page(pages[number], package, preparer):
            count += 1
            yield text


def _of_page(page: Path, package: Package, preparer: Preparer) -> Iterator[Text]:
    if page.suffix == ".pod":
        parsed = ParsedDocument(page.name, page.stem, _markdown(page.read_text("utf-8", "replace")))
        found = [(parsed.title, chunk) for chunk in training_chunker().cut(parsed)]
    else:
        kind = "text/html" if ".html" in page.name else ""
        documents = preparer.documents(Source(page.name, page, kind=kind))
        found = [
            (document.title, chunk)
            for document in documents
            if not isinstance(document, Failure)
            for chunk in document.chunks
        ]
    for title, chunk in found:
        if len(chunk.text.split()) >= FEWEST_WORDS:
            yield Text(package.name, page.name, title, chunk.heading, chunk.text)


def _markdown(pod: str) -> str:
    """Perl's own markup as Markdown, near enough: headings, and codes without their letter."""
    text = re.sub(r"(?m)^=head([1-4]) +(.*)$", lambda m: f"{'#' * int(m[1])} {m[2]}", pod)
    text = re.sub(r"(?m)^=item +(.*)$", r"- \1", text)
    text = re.sub(r"(?ms)^=(?:begin|for)\b.*?(?:^=end\b[^\n]*$|\n\n)", "", text)
    text = re.sub(r"(?m)^=\w+.*$", "", text)
    for _ in range(3):  # nested
        text = re.sub(r"\b[BCFILSXZE]<(?:< )?([^<>]*?)(?: >)?>", r"\1", text)
    return text


def _of_dictionary(folder: Path, package: Package) -> Iterator[Text]:
    """Entries: a word at the beginning of a line, what it means below, indented."""
    raw = gzip.decompress(next(folder.glob(package.pages)).read_bytes()).decode("utf-8", "replace")
    entries = re.findall(r"(?m)^(\S[^\n]{1,60})\n((?:[ \t]+[^\n]*\n|\n)+)", raw)
    drawn = np.random.default_rng(SEED).permutation(len(entries))[:CHUNKS_A_PACKAGE]
    for number in drawn:
        word, meaning = entries[number]
        body = " ".join(meaning.replace("{", "").replace("}", "").split())[:900]
        if len(body.split()) >= FEWEST_WORDS:
            title = re.sub(r"\s*[\\/<(\[].*", "", word).strip()
            yield Text(package.name, title, title, "", body)


if __name__ == "__main__":
    fetch(Path(sys.argv[1]))
