"""The documentation site: citations and links lead somewhere, and it builds without a warning."""

from __future__ import annotations

import ast
import importlib
import re
import shutil
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
DOCS = REPOSITORY / "docs"
GALLERY = sorted((DOCS / "gallery").glob("*.py"))


def load(path):
    spec = spec_from_file_location(path.stem, path)
    module = module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


citations = load(DOCS / "_ext" / "citations.py")
check_links = load(DOCS / "check_links.py")

KNOWN = set().union(*(citations.places(page) for page in citations.PAGES))
CODE = sorted(
    file
    for folder in ("tests", "cadenza", "recipes")
    for file in (REPOSITORY / folder).rglob("*.py")
)


def test_every_citation_of_the_specification_leads_somewhere():
    found = {
        (str(file.relative_to(REPOSITORY)), place)
        for file in CODE
        for place in citations.citations(citations.prose(file.read_text("utf-8")))
    }
    assert len(found) > 50
    assert not {citation for citation in found if citation[1] not in KNOWN}


@pytest.mark.parametrize("page", citations.PAGES)
def test_the_specification_cites_only_itself(page):
    text = (citations.FOLDER / f"{page}.md").read_text("utf-8")
    cited = {
        place
        for match in citations.CITATION.finditer(text)
        for place in citations.cited(match, match["page"] or page)
    }
    assert cited
    assert cited <= KNOWN


def test_citations_name_a_page_a_section_or_a_code():
    def labels(text):
        return [(place.page, place.label) for place in citations.citations(text)]

    assert labels("HAAQI §13.9-13.12, then §16") == [
        ("haaqi", "13.9"),
        ("haaqi", "13.12"),
        ("haaqi", "16"),
    ]
    assert labels("Dsp §2.6, B17 and T22") == [("dsp", "2.6"), ("dsp", "B17"), ("recipes", "T22")]
    assert labels("§3") == [("", "3")]
    assert citations.Place("", "3") not in KNOWN
    assert citations.Place("dsp", "B99") not in KNOWN


def test_prose_is_comments_and_docstrings_only():
    source = '"""Dsp §1."""\nB1 = 2  # T1\ntext = "Dsp §2"\ndef f():\n    """B3."""\n'
    assert citations.prose(source).split("\n") == ["Dsp §1.", "# T1", "B3."]


def write_site(folder, pages):
    for name, body in pages.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"<html><body>{body}</body></html>")


def test_dead_links_are_found(tmp_path):
    good = '<a href="b/c.html#there">c</a> <a href="https://example.org/x">x</a> <a id="up"></a>'
    dead = '<a href="b/gone.html">g</a><a href="b/c.html#gone">h</a><img src="gone.png">'
    write_site(
        tmp_path, {"index.html": good, "b/c.html": '<p id="there"><a href="../index.html#up">'}
    )
    assert check_links.dead_links(tmp_path) == []
    write_site(tmp_path, {"index.html": good + dead})
    assert check_links.dead_links(tmp_path) == [
        "index.html: b/c.html#gone",
        "index.html: b/gone.html",
        "index.html: gone.png",
    ]


def imports(page):
    """Modules of cadenza that a page imports, and what it takes from them."""
    for node in ast.walk(ast.parse(page.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module.split(".")[0] == "cadenza":
            yield from ((node.module, alias.name) for alias in node.names)


REFERENCE = re.findall(
    r"^   (cadenza[\w.]*)$", (DOCS / "reference/index.rst").read_text("utf-8"), re.MULTILINE
)


def names_of(module):
    return [name for name in getattr(module, "__all__", vars(module)) if not name.startswith("_")]


@pytest.mark.parametrize("name", REFERENCE)
def test_what_the_reference_lists_exists(name):
    assert not any(part.startswith("_") for part in name.split("."))
    assert importlib.import_module(name).__doc__


@pytest.mark.parametrize("page", GALLERY, ids=lambda p: p.stem)
def test_what_the_gallery_uses_is_in_the_reference(page):
    for module, name in imports(page):
        if f"{module}.{name}" not in REFERENCE:
            assert module in REFERENCE
            assert name in names_of(importlib.import_module(module))


def test_the_gallery_has_an_order_for_every_page():
    assert sorted(load(DOCS / "_ext" / "gallery_order.py").ORDER) == [p.name for p in GALLERY]


@pytest.mark.slow
def test_the_site_builds_without_a_warning_or_a_dead_link(tmp_path):
    """Without running the gallery, which `make docs` does."""
    shutil.copytree(
        DOCS, tmp_path / "docs", ignore=shutil.ignore_patterns("auto_gallery", "generated")
    )
    shutil.copytree(REPOSITORY / "recipes", tmp_path / "recipes")
    for page in REPOSITORY.glob("*.md"):
        shutil.copy(page, tmp_path)
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html"]
    command += ["-D", "plot_gallery=0", "docs", "site"]
    built = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    assert check_links.dead_links(tmp_path / "site") == []
    text = (tmp_path / "site/specification/dsp.html").read_text("utf-8")
    assert 'id="dsp-2-6"' in text
    assert 'id="dsp-b17"' in text
    assert 'href="recipes.html#recipes-0-5"' in text
    text = (tmp_path / "site/specification/haaqi.html").read_text("utf-8")
    assert "B<sup>max</sup><sub>k</sub>" in text
    assert "e<sub>j−1</sub>" in text
